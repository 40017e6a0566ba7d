import { theme } from 'antd';
import { EntryList } from './entry-list';
import type { Destination } from './entry-source';

interface SwitcherPanelProps {
  entries: Destination[];
  target?: '_blank';
}

/** What the switcher of the v2 client opens. */
export function SwitcherPanel({ entries, target }: SwitcherPanelProps) {
  const { token } = theme.useToken();
  const columns = Math.min(entries.length, 2);
  return (
    <div
      style={{
        width: columns * 260 + 2 * token.paddingXS,
        maxWidth: 'calc(100vw - 48px)',
        maxHeight: 'calc(100vh - 96px)',
        overflow: 'auto',
        padding: token.paddingXS,
      }}
    >
      <EntryList entries={entries} target={target} columnWidth={200} />
    </div>
  );
}
