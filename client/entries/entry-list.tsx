import { theme } from 'antd';
import { useT } from '../locale';
import { EntryCard } from './entry-card';
import type { Destination } from './entry-source';

interface EntryListProps {
  entries: Destination[];
  target?: '_blank';
  boxed?: boolean;
  /** No column is narrower, unless there is no room for a single one. */
  columnWidth: number;
}

/** As many columns as there is room for. */
export function EntryList({ entries, target, boxed, columnWidth }: EntryListProps) {
  const t = useT();
  const { token } = theme.useToken();
  return (
    <ul
      aria-label={t('Applications')}
      style={{
        display: 'grid',
        gridTemplateColumns: `repeat(auto-fill, minmax(min(${columnWidth}px, 100%), 1fr))`,
        gap: boxed ? token.marginSM : token.marginXXS,
        margin: 0,
        padding: 0,
        listStyle: 'none',
      }}
    >
      {entries.map((entry) => (
        <li key={entry.name} style={{ minWidth: 0 }}>
          <EntryCard entry={entry} target={target} boxed={boxed} />
        </li>
      ))}
    </ul>
  );
}
