import { Form, Radio, Typography, type RadioGroupProps } from 'antd';
import type { ReactNode } from 'react';
import { useT } from '../../locale';

type ChoiceGroupProps = Pick<RadioGroupProps, 'value' | 'onChange' | 'optionType' | 'style'> & {
  id?: string;
  label: string;
  options: { value: string; label: ReactNode }[];
};

/** Radio buttons that a screen reader knows as one group, by its name: a label on screen names single fields only. */
export function ChoiceGroup({ label, ...props }: ChoiceGroupProps) {
  const named = { role: 'radiogroup', 'aria-label': label };
  return <Radio.Group {...named} {...props} />;
}

interface RadioFieldProps {
  name: string | string[];
  label: string;
  options: ChoiceGroupProps['options'];
  /** One below the other. */
  vertical?: boolean;
}

/** One of a few. */
export function RadioField({ name, label, options, vertical = false }: RadioFieldProps) {
  return (
    <Form.Item name={name} label={label}>
      <ChoiceGroup
        label={label}
        options={options}
        style={vertical ? { display: 'flex', flexDirection: 'column', gap: 4 } : undefined}
      />
    </Form.Item>
  );
}

/** A choice, with a word of explanation. */
export function ExplainedChoice({ label, help }: { label: string; help: string }) {
  const t = useT();
  return (
    <>
      {t(label)} <Typography.Text type="secondary">{t(help)}</Typography.Text>
    </>
  );
}
