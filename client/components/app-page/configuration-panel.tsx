import { Button, Descriptions, Flex, theme, Typography } from 'antd';
import type { ApplicationRow } from '../../api-types';
import { exactTime } from '../../formats';
import { useLanguage, useT } from '../../locale';
import { ON_SCHEDULE_TEXTS, START_MODE_TEXTS } from '../../vocabulary';
import { useCommands } from '../commands';

/** How an application is set up. Secrets are in no answer of the server, so there are none here. */
export function ConfigurationPanel({ row }: { row: ApplicationRow }) {
  const t = useT();
  const language = useLanguage();
  const { token } = theme.useToken();
  const { open } = useCommands();
  const { idleTimeout } = row;
  const yesOrNo = (value: boolean | null | undefined) => (value ? t('Yes') : t('No'));
  const idle =
    idleTimeout === 0
      ? t('Never')
      : idleTimeout
        ? t('After {{count}} seconds', { count: idleTimeout })
        : t('Use the global setting');
  const options = JSON.stringify(row.options ?? {}, null, 2);
  return (
    <Flex vertical gap="middle">
      <Button style={{ alignSelf: 'flex-start' }} onClick={() => open({ kind: 'edit', row })}>
        {t('Edit')}
      </Button>
      <Descriptions
        bordered
        size="small"
        column={{ xs: 1, sm: 1, md: 1, lg: 2, xl: 2, xxl: 3 }}
        style={{ overflowX: 'auto' }}
        items={[
          { key: 'startMode', label: t('Start mode'), children: t(START_MODE_TEXTS[row.startMode].label) },
          { key: 'cname', label: t('Custom domain'), children: row.cname ?? '–' },
          { key: 'domains', label: t('Further domains'), children: row.domains?.join(', ') || '–' },
          { key: 'idle', label: t('Sleep when idle'), children: idle },
          { key: 'awake', label: t('Kept awake'), children: yesOrNo(row.keepAwake) },
          {
            key: 'schedule',
            label: t('When it has scheduled work'),
            children: t(ON_SCHEDULE_TEXTS[row.onSchedule ?? 'stay-awake']),
          },
          { key: 'hidden', label: t('Hidden in the Applications block'), children: yesOrNo(row.hidden) },
          { key: 'pinned', label: t('Shown in the app switcher'), children: yesOrNo(row.pinned) },
          {
            key: 'created',
            label: t('Created at'),
            children: row.createdAt ? exactTime(new Date(row.createdAt).getTime(), language) : '–',
          },
        ]}
      />
      <section>
        <Typography.Title level={5}>{t('Options')}</Typography.Title>
        <pre
          tabIndex={0}
          aria-label={t('Options')}
          style={{
            margin: 0,
            padding: token.paddingSM,
            maxHeight: '50vh',
            overflow: 'auto',
            background: token.colorFillQuaternary,
            border: `1px solid ${token.colorBorderSecondary}`,
            borderRadius: token.borderRadius,
            fontFamily: token.fontFamilyCode,
            fontSize: token.fontSizeSM,
          }}
        >
          {options}
        </pre>
      </section>
    </Flex>
  );
}
