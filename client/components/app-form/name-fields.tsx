import { Form, Input } from 'antd';
import { useRef } from 'react';
import { checkAppName, suggestAppName } from '../../../src/app-name';
import { AppError, ERROR_TABLE, fillMessage, isAppError } from '../../../src/errors';
import { useT, type Translate } from '../../locale';
import { useSupervisor } from '../../supervisor-context';
import { DisplayNameField } from './settings-fields';

const TYPING_PAUSE_MS = 300;

function sentence(t: Translate, { code, params }: AppError): string {
  return fillMessage(t(ERROR_TABLE[code].message), params);
}

/**
 * Name and ID of a new application; the ID is made from the name until somebody gives one. The rule and its sentence are
 * the server's own, and so is which IDs are taken.
 */
export function NameFields() {
  const t = useT();
  const { api } = useSupervisor();
  const form = Form.useFormInstance<{ displayName: string; name: string }>();
  const ownName = useRef(false);

  const check = async (_: unknown, value: unknown) => {
    try {
      const name = checkAppName(value ?? '');
      if (await api.isTaken(name)) throw new AppError('APP_NAME_TAKEN', { name });
    } catch (error) {
      // Whether it is taken could not be asked: the server says it when it is created.
      if (!isAppError(error)) return;
      throw new Error(sentence(t, error), { cause: error });
    }
  };

  return (
    <>
      <DisplayNameField
        onType={(text) => {
          if (ownName.current) return;
          form.setFieldsValue({ name: suggestAppName(text) });
          if (text.trim()) form.validateFields(['name']).catch(() => undefined);
        }}
      />
      <Form.Item
        name="name"
        label={t('ID')}
        required
        hasFeedback
        validateDebounce={TYPING_PAUSE_MS}
        extra={t('Part of its address and of its database name. It cannot be changed later.')}
        rules={[{ validator: check }]}
      >
        <Input
          autoComplete="off"
          spellCheck={false}
          maxLength={64}
          onChange={({ target }) => {
            ownName.current = target.value !== '';
          }}
        />
      </Form.Item>
    </>
  );
}
