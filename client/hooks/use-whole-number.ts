import { useT } from '../locale';

/**
 * Rules for fields with a whole number in a range. The field itself is not bounded: it would replace a number outside by
 * another one without a word.
 */
export function useWholeNumber() {
  const t = useT();
  return ({ min, max }: { min: number; max: number }) =>
    ({ type: 'integer', min, max, message: t('A whole number from {{min}} to {{max}}.', { min, max }) }) as const;
}
