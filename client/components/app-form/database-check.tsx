import { CheckCircleFilled, CloseCircleFilled, MinusCircleOutlined } from '@ant-design/icons';
import { Button, Flex, Form, theme, Typography } from 'antd';
import { useEffect, useRef, useState } from 'react';
import { CHECK_TEXTS, PREFLIGHT_CHECKS } from '../../../src/preflight';
import type { DatabaseAnswer, DatabaseCheck } from '../../api-types';
import { toApiError, type ApiError } from '../../api-error';
import { useT } from '../../locale';
import { useSupervisor } from '../../supervisor-context';
import { ErrorAlert } from '../error-alert';
import { IsolationText } from '../isolation-text';
import { databaseOptions, type CreateValues, type DatabaseValues } from './form-values';
import { useAppId } from './name-fields';

/** "Test connection", and what was found: each check with its answer, those that were not reached as such. */
export function DatabaseCheckPanel() {
  const t = useT();
  const { api } = useSupervisor();
  const form = Form.useFormInstance<CreateValues>();
  const db = Form.useWatch<DatabaseValues>('db');
  const name = useAppId();
  const [found, setFound] = useState<DatabaseAnswer>();
  const [error, setError] = useState<ApiError>();
  const [working, setWorking] = useState(false);
  const asked = useRef(0);

  // What was found is no longer true of other values.
  const given = JSON.stringify([db, name]);
  useEffect(() => {
    asked.current++;
    setFound(undefined);
    setError(undefined);
    setWorking(false);
  }, [given]);

  const check = async () => {
    const question = ++asked.current;
    const values = form.getFieldsValue(true) as CreateValues;
    setWorking(true);
    setError(undefined);
    try {
      const { name: id, displayName } = values;
      const answer = await api.checkDatabase({
        name: id || undefined,
        displayName,
        options: databaseOptions(values.db),
        adopt: values.db.adopt,
      });
      if (question === asked.current) setFound(answer);
    } catch (failure) {
      if (question === asked.current) setError(toApiError(failure));
    } finally {
      if (question === asked.current) setWorking(false);
    }
  };

  return (
    <Flex vertical gap="small">
      <Button onClick={() => void check()} loading={working} style={{ alignSelf: 'flex-start' }}>
        {t('Test connection')}
      </Button>
      <div role="status">
        <ErrorAlert error={error} />
        {found ? <DatabaseChecks checks={found.checks} /> : null}
        {found?.isolation ? <ForeseenIsolation isolation={found.isolation} /> : null}
      </div>
    </Flex>
  );
}

function ForeseenIsolation({ isolation }: { isolation: NonNullable<DatabaseAnswer['isolation']> }) {
  const t = useT();
  const texts = [t('Would have its own database role'), t("Would use the main application's database role")] as const;
  const names = isolation.openDatabases.join(', ');
  return (
    <Flex vertical>
      <IsolationText isolation={isolation} texts={texts} />
      {names ? (
        <Typography.Text type="secondary" style={{ overflowWrap: 'anywhere' }}>
          {t('Every new role may connect to: {{names}}', { names })}
        </Typography.Text>
      ) : null}
    </Flex>
  );
}

function DatabaseChecks({ checks }: { checks: readonly DatabaseCheck[] }) {
  const t = useT();
  const { token } = theme.useToken();
  const found = new Map(checks.map((check) => [check.check, check]));
  return (
    <ul style={{ listStyle: 'none', margin: 0, padding: 0 }} aria-label={t('Check results')}>
      {PREFLIGHT_CHECKS.map((check) => {
        const answer = found.get(check);
        const told = !answer ? t('not reached') : answer.ok ? t('passed') : t('failed');
        return (
          <li
            key={check}
            style={{ display: 'flex', alignItems: 'flex-start', gap: token.marginXS, paddingBlock: token.paddingXXS }}
          >
            {!answer ? (
              <MinusCircleOutlined
                style={{ color: token.colorTextQuaternary, marginBlockStart: 4 }}
                aria-label={told}
              />
            ) : answer.ok ? (
              <CheckCircleFilled style={{ color: token.colorSuccess, marginBlockStart: 4 }} aria-label={told} />
            ) : (
              <CloseCircleFilled style={{ color: token.colorError, marginBlockStart: 4 }} aria-label={told} />
            )}
            <Flex vertical style={{ minWidth: 0, overflowWrap: 'anywhere' }}>
              <Typography.Text type={answer ? undefined : 'secondary'}>{t(CHECK_TEXTS[check])}</Typography.Text>
              {answer && !answer.ok ? (
                <>
                  <span>{answer.message}</span>
                  <Typography.Text type="secondary">{answer.code}</Typography.Text>
                </>
              ) : null}
              {answer?.advice ? <span>{answer.advice}</span> : null}
            </Flex>
          </li>
        );
      })}
    </ul>
  );
}
