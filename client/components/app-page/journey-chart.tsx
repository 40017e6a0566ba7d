import { theme, Typography } from 'antd';
import type { Journey, JourneyStep } from '../../../src/events';
import { duration } from '../../formats';
import { useT } from '../../locale';
import { JOURNEY_TEXTS, STEP_TEXTS } from '../../vocabulary';
import { Moment } from '../moment';

/** A step too short to be seen is still drawn. */
const LEAST_PERCENT = 0.6;

/** Where a step's bar begins and how long it is, in percent of the whole. */
export function barOf({ at, ms }: Pick<JourneyStep, 'at' | 'ms'>, total: number): { start: number; length: number } {
  const whole = Math.max(total, 1);
  const length = Math.min(100, Math.max(LEAST_PERCENT, (ms / whole) * 100));
  return { start: Math.min(100 - length, (at / whole) * 100), length };
}

/** How an application came up, or how far it came: each step as a bar along the time that it took. */
export function JourneyChart({ journey }: { journey: Journey }) {
  const t = useT();
  const { token } = theme.useToken();
  const { kind, startedAt, ms, outcome, code, steps } = journey;
  const total = Math.max(ms, ...steps.map((step) => step.at + step.ms));

  const colorOf = (index: number) => {
    if (index < steps.length - 1) return token.colorPrimary;
    if (outcome === 'failed') return token.colorError;
    return outcome === 'pending' ? token.colorWarning : token.colorPrimary;
  };
  const result = {
    pending: t('in progress'),
    running: t('started in {{time}}', { time: duration(ms) }),
    stopped: t('created in {{time}}', { time: duration(ms) }),
    failed: t('failed after {{time}}', { time: duration(ms) }),
  }[outcome];

  return (
    <section>
      <Typography.Title level={5} style={{ marginTop: 0 }}>
        {t(JOURNEY_TEXTS[kind])}
        <Typography.Text type="secondary" style={{ fontWeight: 'normal', fontSize: token.fontSize }}>
          {' · '}
          <Moment at={startedAt} />
          {` · ${result}`}
          {code ? ` · ${code}` : ''}
        </Typography.Text>
      </Typography.Title>
      <table style={{ width: '100%', borderCollapse: 'collapse' }} aria-label={t('Steps and their times')}>
        <tbody>
          {steps.map((step, index) => {
            const { start, length } = barOf(step, total);
            return (
              <tr key={`${step.step}-${step.at}`}>
                <th
                  scope="row"
                  style={{
                    fontWeight: 'normal',
                    textAlign: 'start',
                    width: '28%',
                    paddingBlock: token.paddingXXS,
                    paddingInlineEnd: token.padding,
                  }}
                >
                  {t(STEP_TEXTS[step.step] ?? step.step)}
                </th>
                <td aria-hidden>
                  <div
                    style={{ position: 'relative', height: 12, background: token.colorFillTertiary, borderRadius: 2 }}
                  >
                    <div
                      style={{
                        position: 'absolute',
                        insetBlock: 0,
                        insetInlineStart: `${start}%`,
                        width: `${length}%`,
                        background: colorOf(index),
                        borderRadius: 2,
                      }}
                    />
                  </div>
                </td>
                <td style={{ whiteSpace: 'nowrap', textAlign: 'end', width: '1%', paddingInlineStart: token.padding }}>
                  {duration(step.ms)}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}
