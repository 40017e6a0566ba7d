import { Empty, Flex, theme, Typography } from 'antd';
import { useEffect, useMemo, useRef, useState } from 'react';
import type { Boot } from '../../api-types';
import type { PlotTheme } from '../../charts/boot-plot';
import { bootSeries, summarize } from '../../charts/boot-series';
import { duration } from '../../formats';
import { useLanguage, useT } from '../../locale';

interface BootsChartProps {
  boots: readonly Boot[];
  /** When they were read. */
  at: string;
}

/** The boots of the last hour and how long they took; in words, too, for whoever does not see the chart. */
export function BootsChart({ boots, at }: BootsChartProps) {
  const t = useT();
  const { token } = theme.useToken();
  const { count, failed, medianMs, slowestMs } = summarize(boots);
  const told = [
    t('{{count}} in the last hour', { count }),
    ...(count > failed
      ? [t('median {{median}}, slowest {{slowest}}', { median: duration(medianMs), slowest: duration(slowestMs) })]
      : []),
    ...(failed ? [t('{{count}} failed', { count: failed })] : []),
  ].join(' · ');
  const colors = useMemo<PlotTheme>(
    () => ({
      text: token.colorTextSecondary,
      grid: token.colorBorderSecondary,
      count: token.colorPrimaryBgHover,
      took: token.colorPrimary,
      failed: token.colorError,
      font: `${token.fontSizeSM}px ${token.fontFamily}`,
    }),
    [token],
  );
  return (
    <section aria-label={t('Starts and creations of the last hour')}>
      <Typography.Title level={5} style={{ marginTop: 0 }}>
        {t('Starts and creations of the last hour')}
      </Typography.Title>
      {count === 0 ? (
        <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t('No application was started in the last hour')} />
      ) : (
        <>
          <Flex wrap gap="middle" style={{ marginBottom: token.marginXS }}>
            <span>{told}</span>
            <Legend color={colors.count} text={t('Starts (left)')} square />
            <Legend color={colors.took} text={t('Duration (right)')} />
            {failed ? <Legend color={colors.failed} text={t('Failed (right)')} /> : null}
          </Flex>
          <Plot boots={boots} at={at} colors={colors} label={told} />
        </>
      )}
    </section>
  );
}

function Legend({ color, text, square = false }: { color: string; text: string; square?: boolean }) {
  return (
    <Typography.Text type="secondary" style={{ display: 'inline-flex', alignItems: 'center', gap: 6 }}>
      <span style={{ width: 10, height: 10, borderRadius: square ? 2 : '50%', background: color }} aria-hidden />
      {text}
    </Typography.Text>
  );
}

function Plot({ boots, at, colors, label }: BootsChartProps & { colors: PlotTheme; label: string }) {
  const t = useT();
  const language = useLanguage();
  const box = useRef<HTMLDivElement>(null);
  const [failed, setFailed] = useState(false);
  // Drawn anew when there is something new, and when time has moved on visibly.
  const minute = Math.floor(new Date(at).getTime() / 60_000);
  const key = `${minute} ${boots.map((boot) => boot.at).join(' ')}`;
  const series = useMemo(() => bootSeries(boots, new Date(at).getTime()), [key]);
  useEffect(() => {
    let ended = false;
    let takeDown: (() => void) | undefined;
    import('../../charts/boot-plot').then(
      ({ drawBoots }) => {
        if (ended || !box.current) return;
        takeDown = drawBoots(box.current, series, colors, language);
        setFailed(false);
      },
      // What is said in words is still there.
      () => setFailed(true),
    );
    return () => {
      ended = true;
      takeDown?.();
    };
  }, [series, colors, language]);
  if (failed) return <Typography.Text type="secondary">{t('The chart could not be loaded.')}</Typography.Text>;
  return <div ref={box} role="img" aria-label={label} style={{ minHeight: 220, overflow: 'hidden' }} />;
}
