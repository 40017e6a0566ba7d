import { ReloadOutlined } from '@ant-design/icons';
import { Alert, Button, Checkbox, Empty, Flex, Select, Spin, theme } from 'antd';
import { useCallback, useEffect, useRef, useState } from 'react';
import type { LogLine } from '../../../src/log-lines';
import { exactTime } from '../../formats';
import { useFresh, WATCHING_MS } from '../../hooks/use-fresh';
import { useLoaded } from '../../hooks/use-loaded';
import { useLanguage, useT } from '../../locale';
import { useSupervisor } from '../../supervisor-context';
import { ErrorAlert } from '../error-alert';

const LINES = [100, 200, 500, 1_000];
const GRAVE = new Set(['error', 'warn']);

/** The end of an application's own log; it is followed while nobody scrolls up in it. */
export function LogPanel({ name }: { name: string }) {
  const t = useT();
  const { token } = theme.useToken();
  const { api } = useSupervisor();
  const [lines, setLines] = useState(200);
  const [onlyGrave, setOnlyGrave] = useState(false);
  const log = useLoaded(useCallback(() => api.logs(name, lines), [api, name, lines]));
  useFresh(log.refresh, WATCHING_MS);

  const rows = (log.value?.rows ?? []).filter(({ level }) => !onlyGrave || GRAVE.has(level));
  const box = useRef<HTMLDivElement>(null);
  const follow = useRef(true);
  useEffect(() => {
    if (follow.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [rows.length, log.value]);

  if (!log.value) return log.error ? <ErrorAlert error={log.error} /> : <Spin />;
  if (!log.value.available) {
    return <Alert type="info" showIcon message={t('NocoBase writes no log files here (LOGGER_TRANSPORT).')} />;
  }
  return (
    <Flex vertical gap="small">
      <ErrorAlert error={log.error} />
      <Flex wrap gap="middle" align="center">
        <Select
          value={lines}
          onChange={setLines}
          aria-label={t('Number of lines')}
          options={LINES.map((value) => ({ value, label: t('{{count}} lines', { count: value }) }))}
        />
        <Checkbox checked={onlyGrave} onChange={({ target }) => setOnlyGrave(target.checked)}>
          {t('Only warnings and errors')}
        </Checkbox>
        <Button
          icon={<ReloadOutlined />}
          aria-label={t('Refresh')}
          title={t('Refresh')}
          onClick={() => void log.refresh()}
        />
      </Flex>
      {rows.length === 0 ? (
        <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t('Nothing in the log')} />
      ) : (
        <div
          ref={box}
          role="log"
          aria-label={t('Log')}
          aria-live="off"
          tabIndex={0}
          onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
            follow.current = scrollTop + clientHeight >= scrollHeight - 8;
          }}
          style={{
            maxHeight: '60vh',
            overflow: 'auto',
            padding: token.paddingSM,
            background: token.colorFillQuaternary,
            border: `1px solid ${token.colorBorderSecondary}`,
            borderRadius: token.borderRadius,
            fontFamily: token.fontFamilyCode,
            fontSize: token.fontSizeSM,
            lineHeight: 1.6,
          }}
        >
          {rows.map((line, index) => (
            <Line key={`${line.at ?? ''} ${index}`} line={line} />
          ))}
        </div>
      )}
    </Flex>
  );
}

function Line({ line: { at, level, message } }: { line: LogLine }) {
  const language = useLanguage();
  const { token } = theme.useToken();
  const colors: Record<string, string> = { error: token.colorErrorText, warn: token.colorWarningText };
  return (
    <div style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
      <span style={{ color: token.colorTextTertiary }}>{at ? exactTime(new Date(at).getTime(), language) : ''} </span>
      <span style={{ color: colors[level] ?? token.colorTextSecondary }}>{level} </span>
      {message}
    </div>
  );
}
