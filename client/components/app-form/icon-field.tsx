import { UploadOutlined } from '@ant-design/icons';
import { Button, Flex, Form, Select, Typography, Upload } from 'antd';
import { useState } from 'react';
import { useT } from '../../locale';
import { AppIcon, NAMED_ICONS } from '../app-icon';
import { toIconImage } from './icon-image';
import { useAppId } from './name-fields';
import { ChoiceGroup } from './radio-field';

type Kind = 'letter' | 'named' | 'image';

const ACCEPTED = 'image/png,image/jpeg,image/webp,image/gif,image/svg+xml';
const SUFFIX = 'Outlined';
/** One of each: the other two kinds show the same things. */
const OFFERED = NAMED_ICONS.filter(([name]) => name.endsWith(SUFFIX)).map(([name, Icon]) => ({
  value: name,
  text: name.slice(0, -SUFFIX.length),
  Icon,
}));

interface IconFieldProps {
  /** The ID of an application that exists; that of a new one stands in the form. */
  name?: string;
}

/** How an application is shown: a letter of its name, an icon of the host's, or a picture. */
export function IconField({ name }: IconFieldProps) {
  const t = useT();
  const form = Form.useFormInstance();
  const values = Form.useWatch((all: Record<string, string | null | undefined>) => all, { form, preserve: true }) ?? {};
  const { icon, iconImage, displayName } = values;
  const newId = useAppId();
  const [chosen, setChosen] = useState<Kind>();
  const [problem, setProblem] = useState<string>();
  const kind = chosen ?? (iconImage ? 'image' : icon ? 'named' : 'letter');

  const choose = (next: Kind) => {
    setChosen(next);
    setProblem(undefined);
    if (next !== 'image') form.setFieldValue('iconImage', null);
    if (next === 'letter') form.setFieldValue('icon', null);
  };
  const take = async (file: Blob) => {
    setProblem(undefined);
    try {
      form.setFieldValue('iconImage', await toIconImage(file));
    } catch {
      setProblem(t('This file is not a supported image.'));
    }
  };

  return (
    <Form.Item label={t('Icon')} validateStatus={problem ? 'error' : undefined} help={problem}>
      <Form.Item name="iconImage" hidden noStyle>
        <input type="hidden" />
      </Form.Item>
      <Flex gap="middle" align="center" wrap>
        <AppIcon name={name ?? newId} title={displayName} icon={icon} iconUrl={iconImage} size={48} />
        <ChoiceGroup
          label={t('Icon')}
          value={kind}
          onChange={({ target }) => choose(target.value as Kind)}
          optionType="button"
          options={[
            { value: 'letter', label: t('Initial') },
            { value: 'named', label: t('Icon') },
            { value: 'image', label: t('Picture') },
          ]}
        />
        <Form.Item name="icon" noStyle hidden={kind !== 'named'}>
          {kind === 'named' ? <NamedIconSelect /> : <input type="hidden" />}
        </Form.Item>
        {kind === 'image' ? (
          <Flex vertical>
            <Upload
              accept={ACCEPTED}
              showUploadList={false}
              beforeUpload={(file) => {
                void take(file);
                // It is sent with the form, not by itself.
                return false;
              }}
            >
              <Button icon={<UploadOutlined />}>{t('Choose a file')}</Button>
            </Upload>
            <Typography.Text type="secondary" style={{ fontSize: 12 }}>
              {t('Resized to 128 px.')}
            </Typography.Text>
          </Flex>
        ) : null}
      </Flex>
    </Form.Item>
  );
}

interface NamedIconSelectProps {
  id?: string;
  value?: string | null;
  onChange?: (name: string) => void;
}

function NamedIconSelect({ id, value, onChange }: NamedIconSelectProps) {
  const t = useT();
  return (
    <Select
      id={id}
      showSearch
      value={value ?? undefined}
      onChange={onChange}
      placeholder={t('Search icons')}
      aria-label={t('Icon')}
      optionFilterProp="text"
      style={{ width: 220 }}
      options={OFFERED}
      optionRender={({ data: { text, Icon } }) => (
        <Flex gap="small">
          <Icon />
          {text}
        </Flex>
      )}
      labelRender={({ value: name }) => String(name).replace(/Outlined$/i, '')}
    />
  );
}
