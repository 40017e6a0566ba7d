import { Checkbox, Flex, Form, Input, InputNumber, Select } from 'antd';
import { DATABASE_KINDS, databaseKind } from '../../../src/database-dialects';
import { DB_CONN_TYPES, type DbConnType } from '../../../src/database-options';
import { useWholeNumber } from '../../hooks/use-whole-number';
import { useT } from '../../locale';
import { CONNECTION_TEXTS } from '../../vocabulary';
import { dialectName } from '../database-place-text';
import { DatabaseCheckPanel } from './database-check';
import { useAppId } from './name-fields';
import { ExplainedChoice, RadioField } from './radio-field';

/** Where a new application has its data, and whether it can have it there. */
export function DatabaseFields() {
  const t = useT();
  const type = Form.useWatch<DbConnType>(['db', 'dbConnType']) ?? 'new_database';
  const dialect = Form.useWatch<string>(['db', 'dialect']);
  const id = useAppId() || t('the ID');
  const hasSchema = type === 'new_schema' || (type === 'new_connection' && databaseKind(dialect)?.schemas);
  return (
    <>
      <RadioField
        name={['db', 'dbConnType']}
        label={t('Data location')}
        vertical
        options={DB_CONN_TYPES.map((value) => ({ value, label: <ExplainedChoice {...CONNECTION_TEXTS[value]} /> }))}
      />
      {type === 'new_connection' ? <ServerFields /> : null}
      <Form.Item name={['db', 'database']} label={t('Database name')}>
        <Input
          autoComplete="off"
          spellCheck={false}
          placeholder={type === 'new_schema' ? t("the main application's") : id}
        />
      </Form.Item>
      {hasSchema ? (
        <Form.Item name={['db', 'schema']} label={t('Schema')}>
          <Input
            autoComplete="off"
            spellCheck={false}
            placeholder={type === 'new_schema' ? id.replaceAll('-', '_') : t('none')}
          />
        </Form.Item>
      ) : null}
      <Form.Item name={['db', 'adopt']} valuePropName="checked">
        <Checkbox>{t('If the database already contains a NocoBase application, use it as it is')}</Checkbox>
      </Form.Item>
      <DatabaseCheckPanel />
    </>
  );
}

function ServerFields() {
  const t = useT();
  const wholeNumber = useWholeNumber();
  const dialect = Form.useWatch<string>(['db', 'dialect']);
  const required = (message: string) => [{ required: true, whitespace: true, message: t(message) }];
  return (
    <>
      <Form.Item name={['db', 'dialect']} label={t('Kind of database')}>
        <Select options={Object.keys(DATABASE_KINDS).map((value) => ({ value, label: dialectName(value) }))} />
      </Form.Item>
      <Flex gap="middle">
        <Form.Item
          name={['db', 'host']}
          label={t('Host')}
          rules={required('Give the host of the database server.')}
          style={{ flex: 1 }}
        >
          <Input autoComplete="off" spellCheck={false} />
        </Form.Item>
        <Form.Item name={['db', 'port']} label={t('Port')} rules={[wholeNumber({ min: 1, max: 65_535 })]}>
          <InputNumber placeholder={String(databaseKind(dialect)?.port ?? '')} />
        </Form.Item>
      </Flex>
      <Form.Item
        name={['db', 'username']}
        label={t('Database user')}
        rules={required('Give the user of the database server.')}
      >
        <Input autoComplete="off" spellCheck={false} />
      </Form.Item>
      <Form.Item name={['db', 'password']} label={t('Database password')}>
        <Input.Password autoComplete="new-password" />
      </Form.Item>
      <Form.Item name={['db', 'ssl']} valuePropName="checked">
        <Checkbox>{t('Encrypted connection (SSL)')}</Checkbox>
      </Form.Item>
    </>
  );
}
