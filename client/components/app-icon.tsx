import * as antdIcons from '@ant-design/icons';
import type { ComponentType } from 'react';

/** Dark enough for white letters, in light and in dark themes. */
const COLORS = ['#1677ff', '#08979c', '#389e0d', '#ad6800', '#d4380d', '#c41d7f', '#722ed1', '#2f54eb'];

type NamedIcon = ComponentType<{ 'aria-hidden'?: boolean }>;

/** The icons of Ant Design, by their names. */
export const NAMED_ICONS = (Object.entries(antdIcons) as [string, unknown][]).filter(
  (entry): entry is [string, NamedIcon] => /^[A-Z].*(Outlined|Filled|TwoTone)$/.test(entry[0]),
);

const BY_NAME = new Map(NAMED_ICONS.map(([name, Icon]) => [name.toLowerCase(), Icon]));

export interface AppIconProps {
  /** The ID, of which the colour is made: it stays when the application is renamed. */
  name: string;
  title?: string | null;
  /** The name of an icon of Ant Design, however it is written. */
  icon?: string | null;
  /** A picture: its address, or a data URI. */
  iconUrl?: string | null;
  size?: number;
}

/** The colour of an application that has no picture. */
export function colorOf(name: string): string {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  return COLORS[hash % COLORS.length] as string;
}

/** The first letter or digit of a title, whatever its script. */
export function letterOf(title: string): string {
  const [letter = '?'] = /[\p{L}\p{N}]/u.exec(title) ?? [...title.trim()];
  return letter.toLocaleUpperCase();
}

/** What stands for an application: its picture, else its icon, else the first letter of its title. Decoration only. */
export function AppIcon({ name, title, icon, iconUrl, size = 40 }: AppIconProps) {
  const shape = { width: size, height: size, borderRadius: size / 5, flex: 'none' } as const;
  if (iconUrl) return <img src={iconUrl} alt="" style={{ ...shape, objectFit: 'cover' }} />;
  const Icon = icon ? BY_NAME.get(icon.toLowerCase()) : undefined;
  return (
    <span
      aria-hidden
      style={{
        ...shape,
        display: 'inline-flex',
        alignItems: 'center',
        justifyContent: 'center',
        background: colorOf(name),
        color: '#fff',
        fontSize: size / 2,
        lineHeight: 1,
        userSelect: 'none',
      }}
    >
      {Icon ? <Icon aria-hidden /> : letterOf(title || name)}
    </span>
  );
}
