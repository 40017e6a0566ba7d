import { DeleteOutlined, EllipsisOutlined, ImportOutlined, PlusOutlined, ReloadOutlined } from '@ant-design/icons';
import { Button, Dropdown, Flex, Input, Select } from 'antd';
import { useEffect, useRef, useState } from 'react';
import { APP_STATES, type AppState } from '../../../src/app-state';
import type { StateCounts } from '../../api-types';
import type { ChangeAddress, PageAddress } from '../../hooks/use-page-address';
import { useMenuButton } from '../../hooks/use-menu-button';
import { useT } from '../../locale';
import { useCommands } from '../commands';

const TYPING_PAUSE_MS = 300;

interface ApplicationsToolbarProps {
  address: PageAddress;
  change: ChangeAddress;
  states: StateCounts;
  onRefresh: () => void;
}

/** Search, filter by state with how many there are of each, and what makes or brings back an application. */
export function ApplicationsToolbar({ address, change, states, onRefresh }: ApplicationsToolbarProps) {
  const t = useT();
  const { open } = useCommands();
  const menu = useMenuButton();
  const [text, setText] = useState(address.search ?? '');
  const written = useRef(address.search ?? '');

  // Also what the browser's "back" brings.
  useEffect(() => {
    if ((address.search ?? '') !== written.current) {
      written.current = address.search ?? '';
      setText(written.current);
    }
  }, [address.search]);

  useEffect(() => {
    const search = text.trim();
    if (search === written.current) return undefined;
    const timer = setTimeout(() => {
      written.current = search;
      change({ search: search || undefined, page: 1 }, { replace: true });
    }, TYPING_PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text, change]);

  return (
    <Flex wrap gap="small" style={{ marginBottom: 16 }}>
      <Input.Search
        allowClear
        value={text}
        onChange={({ target }) => setText(target.value)}
        placeholder={t('Name, ID or domain')}
        aria-label={t('Search applications')}
        style={{ flex: '1 1 180px', maxWidth: 320 }}
      />
      <Select<AppState[]>
        mode="multiple"
        allowClear
        maxTagCount="responsive"
        value={address.states}
        onChange={(chosen) => change({ states: chosen, page: 1 })}
        placeholder={t('Every status')}
        aria-label={t('Filter by status')}
        style={{ flex: '1 1 160px', maxWidth: 280 }}
        options={(Object.keys(APP_STATES) as AppState[]).map((state) => ({
          value: state,
          label: `${t(APP_STATES[state].label)} (${states[state] ?? 0})`,
        }))}
      />
      <Flex wrap gap="small" justify="end" style={{ flex: '1 1 auto' }}>
        <Button icon={<ReloadOutlined />} onClick={onRefresh} aria-label={t('Refresh')} title={t('Refresh')} />
        <Dropdown
          trigger={['click']}
          menu={{
            onClick: menu.onClick,
            items: [
              {
                key: 'import',
                icon: <ImportOutlined />,
                label: t('Import an archive'),
                onClick: () => open({ kind: 'import' }),
              },
              {
                key: 'removed',
                icon: <DeleteOutlined />,
                label: t('Deleted applications'),
                onClick: () => open({ kind: 'removed' }),
              },
            ],
          }}
        >
          <Button ref={menu.button} icon={<EllipsisOutlined />} aria-label={t('More')} title={t('More')} />
        </Dropdown>
        <Button type="primary" icon={<PlusOutlined />} onClick={() => open({ kind: 'create' })}>
          {t('Create application')}
        </Button>
      </Flex>
    </Flex>
  );
}
