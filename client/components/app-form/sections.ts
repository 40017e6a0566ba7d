import { useState } from 'react';
import { SECTION_OF } from './settings-fields';

interface Sections {
  /** For a `Collapse`: the sections that are open. */
  collapse: { activeKey: string[]; onChange: (keys: string | string[]) => void };
  /** Opens the sections in which these fields stand. */
  reveal: (...fields: string[]) => void;
}

/** The open sections of a form. @param initial those that are open at first */
export function useSections(initial: string[] = []): Sections {
  const [open, setOpen] = useState(initial);
  return {
    collapse: { activeKey: open, onChange: (keys) => setOpen([keys].flat()) },
    reveal: (...fields) => {
      const keys = fields
        .map((field) => SECTION_OF[field as keyof typeof SECTION_OF])
        .filter((key) => key !== undefined);
      setOpen((before) => [...new Set([...before, ...keys])]);
    },
  };
}
