import { timingSafeEqual } from 'node:crypto';
import type { Application } from '@nocobase/server';
import type { AppRecord } from '../src/app-record';
import { databaseKind } from '../src/database-dialects';
import { AppError } from '../src/errors';
import type { Reason } from '../src/phrase';
import { recordTarget, serverKey, type MainPlace } from './databases/ownership';
import type { AppSecrets } from './databases/secrets';
import { instanceFacts, type InstanceFacts } from './nocobase/instance-facts';
import type { Registry } from './registry';

export interface OwnInstanceHost {
  registry: Registry;
  readonly places: { server(): MainPlace };
  secrets(record: AppRecord): AppSecrets;
}

/**
 * Compares a constructed instance with the registration of its application, before anything is loaded or connected:
 * whatever options it was constructed with, it signs with its own secret and works on its own database.
 * @throws APP_INSTANCE_MISMATCH
 */
export function assertOwnInstance(app: Application, host: OwnInstanceHost): void {
  const record = host.registry.find(app.name);
  if (!record) return;
  const mismatch = (reason: Reason) => new AppError('APP_INSTANCE_MISMATCH', { name: record.name, reason });
  const facts = instanceFacts(app);
  if (!hasOwnSecret(facts, record, host.secrets(record)))
    throw mismatch('it would not sign tokens with its own secret');
  if (!hasOwnDatabase(facts, record, host.places.server())) throw mismatch('its database is not the registered one');
}

/** A row of another plugin without a secret of its own goes on with the main application's, and is flagged. */
function hasOwnSecret({ tokenSecret }: InstanceFacts, { provisioning }: AppRecord, { jwtSecret }: AppSecrets): boolean {
  if (jwtSecret === undefined) return provisioning?.ownershipToken === undefined;
  const [one, other] = [Buffer.from(tokenSecret ?? ''), Buffer.from(jwtSecret)];
  return one.length === other.length && timingSafeEqual(one, other);
}

function hasOwnDatabase({ database: found, splitAddress }: InstanceFacts, record: AppRecord, main: MainPlace): boolean {
  const target = recordTarget(record, main);
  const kind = databaseKind(found.dialect);
  if (splitAddress || !kind) return false;
  const key = serverKey(found.host, found.port, kind.port);
  const server = kind.family === 'postgres' ? key : `${kind.family}://${key}`;
  if (server !== target.server || found.database !== target.database) return false;
  return target.schema === undefined || (found.schema || 'public') === target.schema;
}
