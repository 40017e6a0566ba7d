import { Button, Flex } from 'antd';
import type { Isolation } from '../../../src/isolation';
import type { ApplicationRow } from '../../api-types';
import { useT } from '../../locale';
import { useCommands } from '../commands';
import { IsolationText } from '../isolation-text';

/** Whether an application has a database role of its own, with the command that gives it one. */
export function ApplicationIsolation({ row, isolation }: { row: ApplicationRow; isolation: Isolation }) {
  const t = useT();
  const { open, running } = useCommands();
  const fixed = isolation.reason === 'own-connection' || isolation.reason === 'other-plugin';
  return (
    <Flex vertical gap="small" align="flex-start">
      <IsolationText
        isolation={isolation}
        texts={[t('Has a database role of its own'), t("Uses the main application's database role")]}
      />
      {isolation.isolated || fixed ? null : (
        <Button size="small" disabled={running[row.name] !== undefined} onClick={() => open({ kind: 'isolate', row })}>
          {t('Isolate')}
        </Button>
      )}
    </Flex>
  );
}
