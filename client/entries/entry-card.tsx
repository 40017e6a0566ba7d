import { Tag, theme } from 'antd';
import { useState, type CSSProperties } from 'react';
import { AppIcon } from '../components/app-icon';
import { useT } from '../locale';
import type { Destination } from './entry-source';

interface EntryCardProps {
  entry: Destination;
  target?: '_blank';
  /** Whether it stands in a box of its own. */
  boxed?: boolean;
}

/** One application: icon, title, and the way there. */
export function EntryCard({ entry, target, boxed = false }: EntryCardProps) {
  const t = useT();
  const { token } = theme.useToken();
  const [hovered, setHovered] = useState(false);
  const [focused, setFocused] = useState(false);
  const { url, title, here, available } = entry;
  const reachable = url !== undefined;

  const style: CSSProperties = {
    display: 'flex',
    alignItems: 'center',
    gap: token.marginSM,
    minWidth: 0,
    padding: boxed ? token.paddingSM : token.paddingXS,
    border: boxed ? `1px solid ${token.colorBorderSecondary}` : undefined,
    borderRadius: token.borderRadiusLG,
    background: hovered && reachable ? token.colorBgTextHover : undefined,
    color: token.colorText,
    outline: focused ? `2px solid ${token.colorPrimary}` : 'none',
    transition: `background ${token.motionDurationMid}`,
  };
  const content = (
    <>
      <span style={{ display: 'inline-flex', opacity: reachable ? 1 : 0.45 }}>
        <AppIcon {...entry} size={boxed ? 40 : 32} />
      </span>
      <span
        title={title}
        style={{
          flex: 1,
          minWidth: 0,
          overflow: 'hidden',
          textOverflow: 'ellipsis',
          whiteSpace: 'nowrap',
          color: reachable ? token.colorText : token.colorTextSecondary,
          fontWeight: here ? token.fontWeightStrong : undefined,
        }}
      >
        {title}
      </span>
      {here ? <Tag style={{ marginInlineEnd: 0 }}>{t('Current')}</Tag> : null}
      {available ? null : <Tag style={{ marginInlineEnd: 0 }}>{t('Not available')}</Tag>}
    </>
  );
  if (!reachable) {
    return (
      <div aria-disabled style={style}>
        {content}
      </div>
    );
  }
  return (
    <a
      href={url}
      target={target}
      rel={target ? 'noopener noreferrer' : undefined}
      aria-current={here ? 'page' : undefined}
      style={style}
      onMouseEnter={() => setHovered(true)}
      onMouseLeave={() => setHovered(false)}
      onFocus={(event) => setFocused(event.currentTarget.matches(':focus-visible'))}
      onBlur={() => setFocused(false)}
    >
      {content}
    </a>
  );
}
