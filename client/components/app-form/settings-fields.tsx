import { Alert, Checkbox, Form, Input, InputNumber, Select, Typography } from 'antd';
import { ON_SCHEDULE, START_MODES } from '../../../src/app-record';
import { isUnlimited, LIMIT_NAMES, LIMITS, type LimitName } from '../../../src/policies/limits';
import { TYPING_PAUSE_MS, useDomainCheck } from '../../hooks/use-domain-check';
import { useSupervisorInfo } from '../../hooks/use-supervisor-info';
import { useWholeNumber } from '../../hooks/use-whole-number';
import { useLanguage, useT } from '../../locale';
import { ON_SCHEDULE_TEXTS, START_MODE_TEXTS } from '../../vocabulary';
import { IDLE_LIMITS, type IdleChoice, type SettingsValues } from './form-values';
import { ExplainedChoice, RadioField } from './radio-field';

// The fields that creating and editing an application have in common, by section.

export function DisplayNameField() {
  const t = useT();
  return (
    <Form.Item
      name="displayName"
      label={t('Name')}
      rules={[
        { required: true, whitespace: true, message: t('Enter a name for the application.') },
        { max: 255, message: t('At most {{count}} characters.', { count: 255 }) },
      ]}
    >
      <Input autoComplete="off" />
    </Form.Item>
  );
}

export function StartModeField() {
  const t = useT();
  return (
    <RadioField
      name="startMode"
      label={t('Start mode')}
      vertical
      options={START_MODES.map((value) => ({ value, label: <ExplainedChoice {...START_MODE_TEXTS[value]} /> }))}
    />
  );
}

/** @param self the ID of the application, if it exists already: its own domains are free for it */
export function AddressFields({ self }: { self?: string }) {
  const t = useT();
  const checkDomain = useDomainCheck(self);
  return (
    <>
      <Form.Item
        name="cname"
        label={t('Custom domain')}
        extra={t('Optional. A host name that leads to this server, such as crm.example.com.')}
        hasFeedback
        validateDebounce={TYPING_PAUSE_MS}
        rules={[{ validator: checkDomain }]}
      >
        <Input autoComplete="off" spellCheck={false} />
      </Form.Item>
      <Form.Item
        name="domains"
        label={t('Further domains')}
        extra={t('Optional. More host names of this application; press Enter after each.')}
        rules={[{ validator: checkDomain }]}
      >
        <Select mode="tags" open={false} suffixIcon={null} tokenSeparators={[',', ' ']} />
      </Form.Item>
      <Alert
        type="info"
        showIcon
        message={t('What a custom domain needs')}
        description={
          <ul style={{ margin: 0, paddingInlineStart: 20 }}>
            <li>{t('DNS: a CNAME or A record that points the name to this server.')}</li>
            <li>
              {t('Reverse proxy: accept this host name, hold a certificate for it, and forward the Host header.')}
            </li>
          </ul>
        }
      />
    </>
  );
}

const IDLE_TEXTS: Record<IdleChoice, string> = {
  default: 'Use the global setting',
  never: 'Never',
  own: 'After a custom time',
};

export function SleepFields() {
  const t = useT();
  const wholeNumber = useWholeNumber();
  const idle = Form.useWatch<IdleChoice>('idle');
  return (
    <>
      <RadioField
        name="idle"
        label={t('Sleep when idle')}
        vertical
        options={(Object.keys(IDLE_TEXTS) as IdleChoice[]).map((value) => ({ value, label: t(IDLE_TEXTS[value]) }))}
      />
      {idle === 'own' ? (
        <Form.Item
          name="idleSeconds"
          label={t('Seconds without use')}
          rules={[{ required: true, message: t('Enter a number of seconds.') }, wholeNumber(IDLE_LIMITS)]}
        >
          <InputNumber style={{ width: 160 }} />
        </Form.Item>
      ) : null}
      <Form.Item name="keepAwake" valuePropName="checked">
        <Checkbox>{t('Never put to sleep, even when memory or running slots run low')}</Checkbox>
      </Form.Item>
      <RadioField
        name="onSchedule"
        label={t('When it has scheduled work')}
        options={ON_SCHEDULE.map((value) => ({ value, label: t(ON_SCHEDULE_TEXTS[value]) }))}
      />
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

export function LimitFields() {
  const t = useT();
  const wholeNumber = useWholeNumber();
  const format = new Intl.NumberFormat(useLanguage(), { useGrouping: false });
  const { value: info } = useSupervisorInfo();
  const byDefault = (name: LimitName) => {
    const value = info?.limits?.[name];
    if (value === undefined) return undefined;
    return isUnlimited(name, value) ? t('none') : format.format(value);
  };
  return (
    <>
      <Typography.Paragraph type="secondary">
        {t(
          'An empty field uses the default of all applications, which it shows. 0 means no limit; for the queue, 0 means that no request waits.',
        )}
      </Typography.Paragraph>
      {LIMIT_NAMES.map((name) => (
        <Form.Item
          key={name}
          name={['limits', name]}
          label={t(LIMITS[name].label)}
          rules={[wholeNumber(LIMITS[name])]}
          style={{ marginBottom: 12 }}
        >
          <InputNumber placeholder={byDefault(name)} style={{ width: 160 }} />
        </Form.Item>
      ))}
    </>
  );
}

/** The section in which a field stands, for opening the one in which something is wrong. */
export const SECTION_OF: Partial<Record<keyof SettingsValues | 'db' | 'databasePassword' | 'admin', string>> = {
  cname: 'address',
  domains: 'address',
  idle: 'sleep',
  idleSeconds: 'sleep',
  limits: 'limits',
  icon: 'display',
  iconImage: 'display',
  db: 'database',
  databasePassword: 'database',
  admin: 'admin',
};
