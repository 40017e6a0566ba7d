import type { AppRecord } from '../src/app-record';

/** The name of an application's state outside its database: by its identity; by its ID for one of an older version. */
export function statePrefix({ name, provisioning }: AppRecord): string {
  const identity = provisioning?.identity?.replaceAll('-', '').slice(0, 16);
  return identity ? `${name}~${identity}` : name;
}

/**
 * Instance options by which the keys of a shared cache and the channels of messages and queues carry the identity of the
 * application. An application of an older version keeps its names.
 */
export function outsideStateOptions(options: Record<string, unknown>, record: AppRecord): Record<string, unknown> {
  if (!record.provisioning?.identity) return {};
  const prefix = statePrefix(record);
  const channelPrefix = prefix.slice(record.name.length + 1);
  const given = (key: string) => options[key] as object | undefined;
  return {
    cacheManager: { ...given('cacheManager'), prefix },
    pubSubManager: { ...given('pubSubManager'), channelPrefix },
    eventQueue: { ...given('eventQueue'), channelPrefix },
  };
}
