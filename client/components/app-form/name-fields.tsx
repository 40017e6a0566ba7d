import { Form, Input, type InputProps } from 'antd';
import { useEffect, useState } from 'react';
import { checkAppName, suggestAppName } from '../../../src/app-name';
import { AppError, ERROR_TABLE, isAppError } from '../../../src/errors';
import { fillMessage } from '../../../src/phrase';
import { TYPING_PAUSE_MS } from '../../hooks/use-domain-check';
import { useT, type Translate } from '../../locale';
import { useSupervisor } from '../../supervisor-context';
import { DisplayNameField } from './settings-fields';

function sentence(t: Translate, { code, params }: AppError): string {
  return fillMessage(t(ERROR_TABLE[code].message), params);
}

const useSuggestedId = () => suggestAppName(Form.useWatch<string | undefined>('displayName') ?? '');

/** The ID that a new application will have: the one that was typed, else the one that is made from its name, if any. */
export function useAppId(): string {
  const suggested = useSuggestedId();
  return Form.useWatch<string | undefined>('name') || suggested;
}

/**
 * Name and ID of a new application. The form holds an ID only where somebody typed one: else the server makes it from the
 * name, and sees to it that it is free. The rule and its sentence are the server's own, and so is which IDs are taken.
 */
export function NameFields() {
  const t = useT();
  const { api } = useSupervisor();
  const suggested = useSuggestedId();
  const isFree = useFree(suggested);

  const check = async (_: unknown, value: unknown) => {
    if (!value) return;
    try {
      const name = checkAppName(value);
      if (await api.isTaken(name)) throw new AppError('APP_NAME_TAKEN', { name });
    } catch (error) {
      // Whether it is taken could not be asked: the server says it when it is created.
      if (!isAppError(error)) return;
      throw new Error(sentence(t, error), { cause: error });
    }
  };

  return (
    <>
      <DisplayNameField />
      <Form.Item
        name="name"
        label={t('ID')}
        hasFeedback
        validateDebounce={TYPING_PAUSE_MS}
        extra={t('Part of its address and of its database name. It cannot be changed later.')}
        rules={[{ validator: check }]}
      >
        <IdInput suggested={isFree ? suggested : ''} />
      </Form.Item>
    </>
  );
}

/** Whether nobody is known to have an ID; it is asked for when the typing pauses. */
function useFree(name: string): boolean {
  const { api } = useSupervisor();
  const [taken, setTaken] = useState<string>();
  useEffect(() => {
    if (!name) return undefined;
    let ended = false;
    const ask = async () => {
      // Where it cannot be asked, the server finds a free one all the same.
      const found = await api.isTaken(name).catch(() => false);
      if (!ended && found) setTaken(name);
    };
    const timer = setTimeout(() => void ask(), TYPING_PAUSE_MS);
    return () => {
      ended = true;
      clearTimeout(timer);
    };
  }, [api, name]);
  return taken !== name;
}

interface IdInputProps extends Omit<InputProps, 'value' | 'onChange'> {
  value?: string;
  onChange?: (id: string | undefined) => void;
  /** Shown, and ready to be changed, while nobody has typed an ID. */
  suggested: string;
}

function IdInput({ value, onChange, suggested, ...props }: IdInputProps) {
  const t = useT();
  return (
    <Input
      {...props}
      autoComplete="off"
      spellCheck={false}
      maxLength={64}
      placeholder={t('Created from the name')}
      value={value ?? suggested}
      onChange={({ target }) => onChange?.(target.value)}
      onBlur={() => (value === '' ? onChange?.(undefined) : undefined)}
    />
  );
}
