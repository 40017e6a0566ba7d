import { EllipsisOutlined } from '@ant-design/icons';
import { Button, Dropdown, Popconfirm, Space } from 'antd';
import type { ReactNode } from 'react';
import { hasFailed, isUseful } from '../../src/app-state';
import type { ApplicationRow } from '../api-types';
import { titleOf } from '../app-title';
import { visitUrl } from '../app-url';
import { useMenuButton } from '../hooks/use-menu-button';
import { useT } from '../locale';
import { useSupervisor } from '../supervisor-context';
import { useCommands, type Command } from './commands';

interface AppRowActionsProps {
  row: ApplicationRow;
  /** Shows two buttons beside the menu, where there is no room for four. */
  compact?: boolean;
}

/** The commands of one application: the frequent ones as links, the others in a menu. */
export function AppRowActions({ row, compact = false }: AppRowActionsProps) {
  const t = useT();
  const { routeUrl } = useSupervisor();
  const { act, running, open } = useCommands();
  const title = titleOf(row);
  const current = running[row.name];
  const menu = useMenuButton();

  const button = (command: 'start' | 'stop' | 'restart', label: string, onClick?: () => void): ReactNode => (
    <Button
      type="link"
      size="small"
      aria-label={`${label}: ${title}`}
      disabled={!isUseful(command, row.state) || (current !== undefined && current !== command)}
      loading={current === command}
      onClick={onClick}
    >
      {label}
    </Button>
  );
  const does = (command: Command) => () => void act(command, row);

  const startLabel = hasFailed(row.state) ? t('Retry now') : t('Start');
  const offersStart = isUseful('start', row.state);
  const stop =
    row.state === 'running' ? (
      <Popconfirm
        title={t('Stop the application "{{name}}"?', { name: title })}
        description={t('Visitors cannot use it until it is started again.')}
        okText={t('Stop')}
        cancelText={t('Cancel')}
        onConfirm={does('stop')}
      >
        {button('stop', t('Stop'))}
      </Popconfirm>
    ) : (
      button('stop', t('Stop'), does('stop'))
    );
  // A running application is stopped by the button only: it asks first.
  const item = (command: 'stop' | 'restart', label: string) => ({
    key: command,
    label,
    disabled: !isUseful(command, row.state) || current !== undefined,
    onClick: does(command),
  });
  const moved = compact ? [...(offersStart ? [item('stop', t('Stop'))] : []), item('restart', t('Restart'))] : [];

  return (
    <Space size={0} wrap={!compact}>
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
      {compact && !offersStart ? null : button('start', startLabel, does('start'))}
      {compact && offersStart ? null : stop}
      {compact ? null : button('restart', t('Restart'), does('restart'))}
      <Dropdown
        trigger={['click']}
        menu={{
          onClick: menu.onClick,
          items: [
            { key: 'edit', label: t('Edit'), onClick: () => open({ kind: 'edit', row }) },
            ...moved,
            { key: 'clone', label: t('Clone'), onClick: () => open({ kind: 'clone', row }) },
            { key: 'export', label: t('Export'), onClick: does('export') },
            { key: 'upgrade', label: t('Upgrade'), onClick: does('upgrade') },
            { key: 'isolate', label: t('Isolate'), onClick: () => open({ kind: 'isolate', row }) },
            {
              key: 'reset-password',
              label: t('Reset password'),
              disabled: row.state === 'stopped',
              onClick: () => open({ kind: 'reset-password', row }),
            },
            ...(row.lastError?.code === 'APP_DATABASE_FOREIGN'
              ? [
                  {
                    key: 'accept-database',
                    label: t('Accept database'),
                    onClick: () => open({ kind: 'accept-database', row }),
                  },
                ]
              : []),
            { type: 'divider' },
            { key: 'delete', label: t('Delete'), danger: true, onClick: () => open({ kind: 'delete', row }) },
          ],
        }}
      >
        <Button
          ref={menu.button}
          type="link"
          size="small"
          icon={<EllipsisOutlined />}
          loading={current === 'export' || current === 'upgrade'}
          aria-label={`${t('More actions')}: ${title}`}
        />
      </Dropdown>
    </Space>
  );
}
