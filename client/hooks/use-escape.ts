import { useEffect } from 'react';

/**
 * Closes a drawer by Escape also while nothing in it has the focus: the button that was pressed may be gone, as that of
 * a restored application is. With the focus in it, the drawer closes by itself; in a dialog above it, only that one does.
 */
export function useEscape(open: boolean, onClose: () => void): void {
  useEffect(() => {
    if (!open) return undefined;
    const close = (event: KeyboardEvent) => {
      const { activeElement, body } = document;
      if (event.key === 'Escape' && (activeElement === null || activeElement === body)) onClose();
    };
    document.addEventListener('keydown', close);
    return () => document.removeEventListener('keydown', close);
  }, [open, onClose]);
}
