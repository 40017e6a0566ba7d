import '../../helpers/in-process-environment';
import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import path from 'node:path';
import { Database } from '@nocobase/database';
import { sweepStates } from '../../../server/nocobase/oauth-states';
import { knownServers, quotedName, runSql } from '../../helpers/database-servers';

const PLUGIN = '@nocobase/plugin-idp-oauth/dist/server';
const host = createRequire(path.resolve('host/node_modules/x.js'));

interface Adapter {
  upsert(id: string, payload: object, expiresIn?: number): Promise<void>;
}

const { createDbAdapter } = host(`${PLUGIN}/db-adapter.js`) as {
  createDbAdapter(app: { db: Database }): new (model: string) => Adapter;
};
const { default: collection } = host(`${PLUGIN}/collections/oidcStates.js`) as { default: { name: string } };

/** Rows as NocoBase's plugin stores them, on each database server of this machine. */
describe.each(knownServers().map((server) => [server.dialect.name, server] as const))(
  'states of sign-ins on %s',
  (name, server) => {
    const test = server.missing ? it.skip : it;
    const database = `oauth_${randomBytes(4).toString('hex')}`;
    let db: Database;

    beforeAll(async () => {
      if (server.missing) return;
      await runSql(server, `CREATE DATABASE ${quotedName(server, database)}`);
      const { host: hostname, port, username, password } = server.address;
      const options = { dialect: name, host: hostname, port, username, password, database, logging: false };
      db = new Database(options as never);
      db.collection(collection);
      await db.sync();
    });

    afterAll(async () => {
      if (server.missing) return;
      await db.close();
      await runSql(server, `DROP DATABASE ${quotedName(server, database)}`);
    });

    beforeEach(async () => {
      if (!server.missing) await db.getRepository(collection.name).destroy({ truncate: true });
    });

    const save = async (model: string, id: string, payload: object, expiresIn?: number) => {
      const Stored = createDbAdapter({ db });
      await new Stored(model).upsert(id, payload, expiresIn);
    };
    /** Many rows at once, in the order of their number. */
    const saveMany = async (model: string, count: number, payload: (index: number) => object) =>
      await db.getModel(collection.name).bulkCreate(
        Array.from({ length: count }, (_, index) => ({
          model,
          oidcId: `${model}${index}`,
          payload: payload(index),
        })) as never,
      );
    const ids = async (model: string) =>
      (
        (await db
          .getModel(collection.name)
          .findAll({ where: { model }, order: [['id', 'ASC']], raw: true })) as unknown as {
          oidcId: string;
        }[]
      ).map(({ oidcId }) => oidcId);

    test('rows that have expired are removed, and no others', async () => {
      await save('Interaction', 'old', {}, -5);
      await save('Interaction', 'new', {}, 600);
      await save('Session', 'old', { accountId: '1' }, -5);
      await save('Client', 'c', { client_id: 'c' });
      await sweepStates(db);
      expect([await ids('Interaction'), await ids('Session'), await ids('Client')]).toEqual([['new'], [], ['c']]);
    });

    test('the oldest clients are removed that were never used, with their tokens', async () => {
      await saveMany('Client', 510, (index) => ({ client_id: `Client${index}` }));
      await saveMany('RegistrationAccessToken', 510, (index) => ({ clientId: `Client${index}` }));
      await save('Grant', 'g', { clientId: 'Client3', accountId: '1' }, 600);
      await save('RefreshToken', 'r', { clientId: 'Client5', accountId: '1' }, 600);
      await save('Grant', 'gone', { clientId: 'Client4', accountId: '1' }, -5);
      await sweepStates(db);
      const left = await ids('Client');
      expect(left).toHaveLength(502);
      expect(left.slice(0, 3)).toEqual(['Client3', 'Client5', 'Client10']);
      const tokens = await ids('RegistrationAccessToken');
      expect(tokens.slice(0, 3)).toEqual([3, 5, 10].map((index) => `RegistrationAccessToken${index}`));
      expect(tokens).toHaveLength(502);
    });

    test('of sign-ins that were begun, and of sessions without a user, the oldest are removed', async () => {
      for (const model of ['Interaction', 'DeviceCode']) await saveMany(model, 2_003, () => ({ params: {} }));
      await saveMany('Session', 2_010, (index) => (index < 5 ? { accountId: '1' } : { uid: 'x' }));
      await sweepStates(db);
      for (const model of ['Interaction', 'DeviceCode']) {
        const left = await ids(model);
        expect([left.length, left[0]]).toEqual([2_000, `${model}3`]);
      }
      const sessions = await ids('Session');
      expect([sessions.length, ...sessions.slice(4, 6)]).toEqual([2_005, 'Session4', 'Session10']);
    });
  },
);
