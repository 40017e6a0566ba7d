import { Flex, Typography } from 'antd';
import type { Isolation } from '../../src/isolation';
import { useT } from '../locale';
import { ISOLATION_TEXTS } from '../vocabulary';

interface IsolationTextProps {
  isolation: Isolation;
  /** The sentences for an isolated application and for any other. */
  texts: readonly [string, string];
}

/** Whether an application has a database role of its own, why not, and the SQL that changes it. */
export function IsolationText({ isolation, texts }: IsolationTextProps) {
  const t = useT();
  const { isolated, reason, sql } = isolation;
  return (
    <Flex vertical style={{ minWidth: 0, overflowWrap: 'anywhere' }}>
      <span>{texts[isolated ? 0 : 1]}</span>
      {reason ? <Typography.Text type="secondary">{t(ISOLATION_TEXTS[reason])}</Typography.Text> : null}
      {sql ? (
        <>
          <Typography.Text type="secondary">{t('For an administrator of the database server:')}</Typography.Text>
          <Typography.Text code copyable style={{ whiteSpace: 'pre-wrap' }}>
            {sql}
          </Typography.Text>
        </>
      ) : null}
    </Flex>
  );
}
