import { Card, Flex, Progress, theme, Typography } from 'antd';
import { useT } from '../../locale';

const NEARLY_FULL = 75;
const FULL = 90;

interface GaugeProps {
  title: string;
  used: number;
  /** Null for none. */
  limit: number | null;
  format: (value: number) => string;
  /** What else there is to say. */
  note?: string;
}

/** How much of something limited is in use. */
export function Gauge({ title, used, limit, format, note }: GaugeProps) {
  const t = useT();
  const { token } = theme.useToken();
  const percent = limit ? Math.min(100, Math.round((used / limit) * 100)) : 0;
  const color = percent >= FULL ? token.colorError : percent >= NEARLY_FULL ? token.colorWarning : token.colorPrimary;
  const words = limit
    ? t('{{used}} of {{limit}}', { used: format(used), limit: format(limit) })
    : t('{{used}} (no limit)', { used: format(used) });
  return (
    <Card size="small" style={{ height: '100%' }}>
      <Flex vertical align="center" gap={4} style={{ textAlign: 'center' }}>
        <Typography.Text strong>{title}</Typography.Text>
        <Progress
          type="dashboard"
          size={110}
          percent={percent}
          strokeColor={color}
          format={() => (limit ? `${percent}%` : format(used))}
          aria-label={`${title}: ${words}`}
        />
        <Typography.Text>{words}</Typography.Text>
        {note ? <Typography.Text type="secondary">{note}</Typography.Text> : null}
      </Flex>
    </Card>
  );
}
