import { Button, Popconfirm, Space } from 'antd';
import type { ReactNode } from 'react';
import type { ApplicationAction, ApplicationRow } from '../api';
import { isOffered } from '../app-actions';
import { visitUrl } from '../app-url';
import { useT } from '../locale';
import { useSupervisor } from '../supervisor-context';

interface AppRowActionsProps {
  row: ApplicationRow;
  /** The action of this row that is under way. */
  running?: ApplicationAction;
  onAction: (action: ApplicationAction, row: ApplicationRow) => Promise<void>;
}

export function AppRowActions({ row, running, onAction }: AppRowActionsProps) {
  const t = useT();
  const { routeUrl } = useSupervisor();
  const title = row.displayName || row.name;
  const isDisabled = (action: ApplicationAction) =>
    !isOffered(action, row.state) || (running !== undefined && running !== action);

  const button = (action: Exclude<ApplicationAction, 'destroy'>, label: string): ReactNode => (
    <Button
      type="link"
      size="small"
      aria-label={`${label}: ${title}`}
      disabled={isDisabled(action)}
      loading={running === action}
      onClick={() => void onAction(action, row)}
    >
      {label}
    </Button>
  );

  return (
    <Space size={0} wrap>
      <Button
        type="link"
        size="small"
        aria-label={`${t('Visit')}: ${title}`}
        disabled={row.state === 'stopped'}
        href={visitUrl(row, { routeUrl, port: window.location.port })}
        target="_blank"
        rel="noopener noreferrer"
      >
        {t('Visit')}
      </Button>
      {button('start', t('Start'))}
      {button('stop', t('Stop'))}
      {button('restart', t('Restart'))}
      <Popconfirm
        title={t('Delete the application "{{name}}"?', { name: title })}
        description={t('It can no longer be visited. Its database is kept and is not deleted.')}
        okText={t('Delete')}
        okButtonProps={{ danger: true }}
        cancelText={t('Cancel')}
        disabled={isDisabled('destroy')}
        onConfirm={() => void onAction('destroy', row)}
      >
        <Button
          type="link"
          size="small"
          danger
          aria-label={`${t('Delete')}: ${title}`}
          disabled={isDisabled('destroy')}
          loading={running === 'destroy'}
        >
          {t('Delete')}
        </Button>
      </Popconfirm>
    </Space>
  );
}
