import type { MenuProps } from 'antd';
import { useRef, type RefObject } from 'react';

interface MenuButton {
  button: RefObject<HTMLButtonElement>;
  /** For the menu. */
  onClick: NonNullable<MenuProps['onClick']>;
}

/** The button of a menu. It has the focus again when something was chosen, so that a dialog that opens gives it back there. */
export function useMenuButton(): MenuButton {
  const button = useRef<HTMLButtonElement>(null);
  return {
    button,
    onClick: ({ domEvent }) => {
      // The Enter that chose would press the button next.
      domEvent.preventDefault();
      button.current?.focus();
    },
  };
}
