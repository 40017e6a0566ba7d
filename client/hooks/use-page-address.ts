import { useCallback, useMemo } from 'react';
import { useSearchParams } from 'react-router-dom';
import { APP_STATES, type AppState } from '../../src/app-state';

/** What of a screen stands in its address, so that it can be linked, left and come back to. */
export interface PageAddress {
  /** The application whose page is open. */
  app?: string;
  /** The part of that page. */
  view?: string;
  search?: string;
  states: AppState[];
  sort?: string;
  page: number;
  pageSize: number;
}

const KEYS = { app: 'app', view: 'view', search: 'q', sort: 'sort' } as const;
const PAGE_SIZES = [10, 20, 50, 100];
const DEFAULT_SIZE = 20;

const whole = (text: string | null, fallback: number) =>
  text && /^[1-9]\d{0,5}$/.test(text) ? Number(text) : fallback;

export function readAddress(params: URLSearchParams): PageAddress {
  const size = whole(params.get('size'), DEFAULT_SIZE);
  const named = (params.get('state') ?? '').split(',');
  return {
    app: params.get(KEYS.app) ?? undefined,
    view: params.get(KEYS.view) ?? undefined,
    search: params.get(KEYS.search) ?? undefined,
    sort: params.get(KEYS.sort) ?? undefined,
    states: named.filter((state): state is AppState => Object.hasOwn(APP_STATES, state)),
    page: whole(params.get('page'), 1),
    pageSize: PAGE_SIZES.includes(size) ? size : DEFAULT_SIZE,
  };
}

/** The same address with some of it changed; what is as by default stays away. */
export function writeAddress(before: URLSearchParams, change: Partial<PageAddress>): URLSearchParams {
  const params = new URLSearchParams(before);
  const put = (key: string, value: string | undefined) => (value ? params.set(key, value) : params.delete(key));
  for (const [field, key] of Object.entries(KEYS) as [keyof typeof KEYS, string][]) {
    if (field in change) put(key, change[field]);
  }
  if (change.states) put('state', change.states.join(','));
  if (change.page) put('page', change.page > 1 ? String(change.page) : undefined);
  if (change.pageSize) put('size', change.pageSize === DEFAULT_SIZE ? undefined : String(change.pageSize));
  return params;
}

export type ChangeAddress = (change: Partial<PageAddress>, options?: { replace?: boolean }) => void;

/** The present address with some of it changed, for a link. */
export function useLinkTo(change: Partial<PageAddress>): { search: string } {
  const [params] = useSearchParams();
  return { search: `?${writeAddress(params, change)}` };
}

export function usePageAddress(): [PageAddress, ChangeAddress] {
  const [params, setParams] = useSearchParams();
  const change = useCallback<ChangeAddress>(
    (changes, options) => setParams((before) => writeAddress(before, changes), options),
    [setParams],
  );
  return [useMemo(() => readAddress(params), [params]), change];
}
