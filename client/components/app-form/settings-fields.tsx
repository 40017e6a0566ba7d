import { Alert, Checkbox, Flex, Form, Input, InputNumber, Radio, Typography } from 'antd';
import { ON_SCHEDULE, START_MODES } from '../../../src/app-record';
import { useT } from '../../locale';
import { ON_SCHEDULE_TEXTS, START_MODE_TEXTS } from '../../vocabulary';
import { IDLE_LIMITS, type IdleChoice, type SettingsValues } from './form-values';

// The fields that creating and editing an application have in common, by section.

interface DisplayNameFieldProps {
  onType?: (text: string) => void;
}

export function DisplayNameField({ onType }: DisplayNameFieldProps) {
  const t = useT();
  return (
    <Form.Item
      name="displayName"
      label={t('Name')}
      rules={[
        { required: true, whitespace: true, message: t('Give the application a name.') },
        { max: 255, message: t('At most {{count}} characters.', { count: 255 }) },
      ]}
    >
      <Input autoFocus autoComplete="off" onChange={({ target }) => onType?.(target.value)} />
    </Form.Item>
  );
}

interface ChoiceFieldProps<Value extends string> {
  name: string | string[];
  label: string;
  choices: readonly Value[];
  texts: Readonly<Record<Value, { label: string; help: string }>>;
}

/** One of a few, each with a word of explanation. */
export function ChoiceField<Value extends string>({ name, label, choices, texts }: ChoiceFieldProps<Value>) {
  const t = useT();
  return (
    <Form.Item name={name} label={label}>
      <Radio.Group>
        <Flex vertical gap={4}>
          {choices.map((choice) => (
            <Radio key={choice} value={choice}>
              {t(texts[choice].label)} <Typography.Text type="secondary">{t(texts[choice].help)}</Typography.Text>
            </Radio>
          ))}
        </Flex>
      </Radio.Group>
    </Form.Item>
  );
}

export function StartModeField() {
  const t = useT();
  return <ChoiceField name="startMode" label={t('Start mode')} choices={START_MODES} texts={START_MODE_TEXTS} />;
}

export function AddressFields() {
  const t = useT();
  return (
    <>
      <Form.Item
        name="cname"
        label={t('Custom domain')}
        extra={t('Optional. A host name that leads to this server, such as crm.example.com.')}
      >
        <Input autoComplete="off" spellCheck={false} />
      </Form.Item>
      <Alert
        type="info"
        showIcon
        message={t('What a custom domain needs')}
        description={
          <ul style={{ margin: 0, paddingInlineStart: 20 }}>
            <li>{t('DNS: a CNAME or A record that points the name to this server.')}</li>
            <li>
              {t('A proxy in front: it accepts the name, has a certificate for it, and passes the Host header on.')}
            </li>
          </ul>
        }
      />
    </>
  );
}

const IDLE_TEXTS: Record<IdleChoice, string> = {
  default: 'As set for all applications',
  never: 'Never',
  own: 'After a time of its own',
};

export function SleepFields() {
  const t = useT();
  const idle = Form.useWatch<IdleChoice>('idle');
  return (
    <>
      <Form.Item name="idle" label={t('Put to sleep when nobody uses it')}>
        <Radio.Group>
          <Flex vertical gap={4}>
            {(Object.keys(IDLE_TEXTS) as IdleChoice[]).map((choice) => (
              <Radio key={choice} value={choice}>
                {t(IDLE_TEXTS[choice])}
              </Radio>
            ))}
          </Flex>
        </Radio.Group>
      </Form.Item>
      {idle === 'own' ? (
        <Form.Item
          name="idleSeconds"
          label={t('Seconds without use')}
          rules={[{ required: true, message: t('Give a number of seconds.') }]}
        >
          <InputNumber {...IDLE_LIMITS} precision={0} style={{ width: 160 }} />
        </Form.Item>
      ) : null}
      <Form.Item name="keepAwake" valuePropName="checked">
        <Checkbox>{t('Keep awake, also when memory or places for running applications are short')}</Checkbox>
      </Form.Item>
      <Form.Item name="onSchedule" label={t('When it has scheduled work')}>
        <Radio.Group options={ON_SCHEDULE.map((value) => ({ value, label: t(ON_SCHEDULE_TEXTS[value]) }))} />
      </Form.Item>
    </>
  );
}

export function VisibilityFields() {
  const t = useT();
  return (
    <>
      <Form.Item name="hidden" valuePropName="checked" style={{ marginBottom: 8 }}>
        <Checkbox>{t('Hide in the Applications block')}</Checkbox>
      </Form.Item>
      <Form.Item name="pinned" valuePropName="checked" style={{ marginBottom: 0 }}>
        <Checkbox>{t('Show in the app switcher')}</Checkbox>
      </Form.Item>
    </>
  );
}

/** The section in which a field stands, for opening the one in which something is wrong. */
export const SECTION_OF: Partial<Record<keyof SettingsValues | 'db' | 'admin', string>> = {
  cname: 'address',
  idle: 'sleep',
  idleSeconds: 'sleep',
  icon: 'display',
  iconImage: 'display',
  db: 'database',
  admin: 'admin',
};
