import { Button, Empty, Flex, Skeleton } from 'antd';
import type { ComponentType } from 'react';
import { ErrorAlert } from '../components/error-alert';
import { useT } from '../locale';
import { EntryList } from './entry-list';
import type { EntrySource } from './entry-source';
import { useEntries } from './use-entries';

/** The Applications block of a page, bound to the client that it is registered in. */
export function appsBlock(source: EntrySource): ComponentType {
  return function AppsBlock() {
    const t = useT();
    const { entries, error, reload } = useEntries(source, 'block');
    if (error) {
      return (
        <Flex vertical align="start">
          <ErrorAlert error={error} />
          <Button onClick={() => void reload()}>{t('Try again')}</Button>
        </Flex>
      );
    }
    if (!entries) return <Skeleton active title={false} paragraph={{ rows: 2 }} />;
    if (entries.length === 0) {
      return <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t('No applications to show.')} />;
    }
    return <EntryList entries={entries} target={source.target} boxed columnWidth={260} />;
  };
}
