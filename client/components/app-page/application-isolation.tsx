import { Button, Flex } from 'antd';
import type { Isolation, IsolationReason } from '../../../src/isolation';
import type { ApplicationRow } from '../../api-types';
import { useT } from '../../locale';
import { useCommands } from '../commands';
import { IsolationText } from '../isolation-text';

/** No attempt can change these. */
const FIXED: readonly IsolationReason[] = ['own-connection', 'other-plugin', 'name-too-long'];

/** Whether an application has a database role of its own, with the command that gives it one. */
export function ApplicationIsolation({ row, isolation }: { row: ApplicationRow; isolation: Isolation }) {
  const t = useT();
  const { open, running } = useCommands();
  const fixed = FIXED.some((reason) => reason === isolation.reason);
  return (
    <Flex vertical gap="small" align="flex-start">
      <IsolationText
        isolation={isolation}
        texts={[t('Has its own database role'), t("Uses the main application's database role")]}
      />
      {isolation.isolated || fixed ? null : (
        <Button size="small" disabled={running[row.name] !== undefined} onClick={() => open({ kind: 'isolate', row })}>
          {t('Isolate')}
        </Button>
      )}
    </Flex>
  );
}
