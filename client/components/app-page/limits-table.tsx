import { Table, Typography } from 'antd';
import { isUnlimited, LIMIT_NAMES, LIMITS, type LimitName } from '../../../src/policies/limits';
import type { LimitUsage } from '../../api-types';
import { useLanguage, useT } from '../../locale';

/** The limits of an application with what it uses of them. An unknown use is shown as a dash. */
export function LimitsTable({ limits }: { limits: Record<LimitName, LimitUsage> }) {
  const t = useT();
  const format = new Intl.NumberFormat(useLanguage());
  const rows = LIMIT_NAMES.map((name) => ({ name, ...limits[name] }));
  return (
    <section>
      <Typography.Title level={5}>{t('Limits')}</Typography.Title>
      <Table
        rowKey="name"
        size="small"
        pagination={false}
        scroll={{ x: 'max-content' }}
        dataSource={rows}
        columns={[
          { key: 'name', title: t('Name'), render: (_, { name }) => t(LIMITS[name].label) },
          {
            key: 'used',
            title: t('In use'),
            render: (_, { used }) => (used === null ? '–' : format.format(used)),
          },
          {
            key: 'limit',
            title: t('Limit'),
            render: (_, { name, value, own }) => (
              <>
                {isUnlimited(name, value) ? t('none') : format.format(value)}
                {own ? null : <Typography.Text type="secondary"> ({t('default')})</Typography.Text>}
              </>
            ),
          },
          {
            key: 'refused',
            title: t('Refused since NocoBase started'),
            render: (_, { refused }) => format.format(refused),
          },
        ]}
      />
    </section>
  );
}
