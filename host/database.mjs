// @ts-check
/**
 * The database that NocoBase will use: on the server that the environment names, else on the PostgreSQL that comes
 * along.
 */
import { startPostgres } from './postgres.mjs';
import { HostProblem } from './problem.mjs';
import { addressIn, ensureDatabase, nameOf } from './server-address.mjs';

/**
 * @typedef {object} Database
 * @property {string} key its address, under which the data directory remembers what is installed in it
 * @property {import('./server-address.mjs').ServerAddress & { database: string }} address
 * @property {Record<string, string>} env what NocoBase needs to know
 * @property {boolean} created whether the host made it, now
 * @property {boolean} installed whether a NocoBase is in it
 * @property {number} [serverPid] of the PostgreSQL that came along
 */

/**
 * @param {import('./data-directory.mjs').DataDirectory} data
 * @param {object} options
 * @param {import('./server-address.mjs').Environment} options.env
 * @param {string} [options.database] its name, instead of DB_DATABASE
 * @param {number} [options.release] of the PostgreSQL that comes along, for new data
 * @param {import('./report.mjs').Report} options.report
 * @param {import('./releases.mjs').Releases} options.releases
 * @param {AbortSignal} [options.signal]
 * @param {AbortSignal} [options.hurry]
 * @returns {Promise<Database>}
 */
export async function openDatabase(data, { env, database, release, report, releases, signal, hurry }) {
  const named = addressIn(env);
  const name = database ?? (env.DB_DATABASE || 'nocobase');
  if (named) {
    return report.step(`connecting to the database ${name} on ${nameOf(named)}`, () =>
      ready(data, { key: `${nameOf(named)}/${name}`, address: named, name, env }),
    );
  }
  return report.step('starting PostgreSQL', async (note) => {
    const server = await startPostgres(data, { release, signal, hurry, note });
    releases.add(server.stop);
    const opened = await ready(data, { key: `embedded/${name}`, address: server.address, name, env });
    return { ...opened, serverPid: server.pid };
  });
}

/**
 * @param {import('./data-directory.mjs').DataDirectory} data
 * @param {{ key: string, address: import('./server-address.mjs').ServerAddress, name: string, env: import('./server-address.mjs').Environment }} wanted
 * @returns {Promise<Database>}
 */
async function ready(data, { key: base, address, name, env }) {
  const key = env.DB_SCHEMA ? `${base}#${env.DB_SCHEMA}` : base;
  const known = data.memory.installations?.[key];
  const halfMade = known?.complete === false;
  const { created, installed } = await ensureDatabase(address, {
    database: name,
    schema: env.DB_SCHEMA,
    discard: halfMade && known.databaseIsOurs,
  });
  if (halfMade && installed) {
    throw new HostProblem(
      `The first start in the database ${name} was cut short and left half an installation there; empty that database and start again.`,
    );
  }
  return { key, address: { ...address, database: name }, env: environmentOf(address, name), created, installed };
}

/**
 * @param {import('./server-address.mjs').ServerAddress} address
 * @param {string} database
 * @returns {Record<string, string>}
 */
function environmentOf({ dialect, host, port, user, password }, database) {
  const named = { DB_DIALECT: dialect, DB_HOST: host, DB_PORT: port, DB_USER: user, DB_PASSWORD: password };
  /** @type {Record<string, string>} */
  const env = { DB_DATABASE: database };
  for (const [name, value] of Object.entries(named)) if (value !== undefined) env[name] = String(value);
  return env;
}
