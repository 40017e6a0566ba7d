import { Flex, Typography } from 'antd';
import type { DatabasePlace } from '../../src/database-options';
import { useT } from '../locale';

const DIALECTS: Readonly<Record<string, string>> = { postgres: 'PostgreSQL', mysql: 'MySQL', mariadb: 'MariaDB' };

export const dialectName = (dialect: string) => DIALECTS[dialect] ?? dialect;

/** Where an application has its data: database and schema, and below them the kind of server and its host. */
export function DatabasePlaceText({ place }: { place: DatabasePlace }) {
  const t = useT();
  const { dialect, host, database, schema } = place;
  const name = schema ? `${database}.${schema}` : database;
  return (
    <Flex vertical style={{ minWidth: 0 }}>
      <Typography.Text ellipsis={{ tooltip: name }}>{name}</Typography.Text>
      <Typography.Text type="secondary" ellipsis={{ tooltip: host }} style={{ fontSize: 12 }}>
        {t('{{kind}} on {{host}}', { kind: dialectName(dialect), host: host ?? t("the main application's server") })}
      </Typography.Text>
    </Flex>
  );
}
