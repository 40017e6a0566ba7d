// @ts-check
/**
 * The demo: two small applications with a page and data of their own, made as a user of the REST API would make them,
 * and a page of the main application that shows them.
 *
 * An application that is complete carries a mark in its own database, and is left as it is from then on: a page that
 * was deleted since is not made again.
 */
import { signInAs } from '../plugin.mjs';
import { HostProblem } from '../problem.mjs';
import { encode, RestError } from '../rest.mjs';
import { APPLICATIONS } from './applications.mjs';
import { ensureApplicationsPage, ensureDataPage } from './pages.mjs';
import { linesToTry } from './text.mjs';

/** Applications that an administrator has stopped stay stopped; those that have failed are repaired in the running NocoBase. */
const LEFT = ['stopped', 'failed', 'quarantined'];

/** In the options of an application's system settings: the version of the demo that completed it. */
const MARK = 'appSupervisorDemo';
const VERSION = 2; // the first one made no pages, and left no mark

const LANGUAGES = ['en-US', 'zh-CN'];

/**
 * @param {import('../index.mjs').Host} host
 * @param {{ report: import('../report.mjs').Report, signal?: AbortSignal }} options
 * @returns {Promise<string[]>} the lines to try
 */
export async function createDemo(host, { report, signal }) {
  const administrator = await signInAs(host.rest, host.credentials, 'for the demo');
  for (const application of APPLICATIONS) {
    signal?.throwIfAborted();
    await report.step(`demo: ${application.displayName} (${application.name})`, async (note) => {
      try {
        note('application');
        const { state } = await ensureApplication(administrator, application, host.database.database);
        if (LEFT.includes(state)) return;
        note('data and page');
        const own = await signInAs(host.rest.app(application.name), host.credentials, `to ${application.name}`);
        await once(own, async () => {
          await show(administrator, application);
          await fill(own, application);
          await ensureDataPage(own, application);
        });
      } catch (error) {
        // It can be restored, or purged, in the NocoBase that runs then.
        if (error instanceof RestError && error.code === 'APP_NAME_REMOVED') return;
        throw notReady(`The demo application ${application.name}`, error);
      }
    });
  }
  signal?.throwIfAborted();
  await report.step('demo: the page of the main application', async () => {
    try {
      await once(administrator, () => ensureApplicationsPage(administrator));
    } catch (error) {
      throw notReady('The demo page of the main application', error);
    }
  });
  return linesToTry(host);
}

/**
 * @param {string} what
 * @param {unknown} error
 */
function notReady(what, error) {
  if (!(error instanceof RestError)) return error;
  return new HostProblem(`${what} could not be made ready: ${error.message}`);
}

/**
 * @param {import('../rest.mjs').RestClient} administrator
 * @param {import('./applications.mjs').DemoApplication} application
 * @param {string} mainDatabase
 * @returns {Promise<{ state: string }>}
 */
async function ensureApplication(administrator, { name, displayName, cname, iconImage }, mainDatabase) {
  const [present] = await administrator.get(`applications:list?pageSize=200&filter=${encode({ name })}`);
  if (present) return present;
  const database = `${mainDatabase}_${name}`; // two hosts may share a database server
  const options = { dbConnType: 'new_database', database: { database } };
  const values = { name, displayName, cname, iconImage, pinned: true, options };
  return administrator.post('applications:create?wait=true', values);
}

/**
 * Does the work unless the application carries the mark, and leaves the mark. Every step of the work looks for what is
 * there, so that it can follow one that was interrupted.
 * @param {import('../rest.mjs').RestClient} administrator of the application
 * @param {() => Promise<void>} work
 */
async function once(administrator, work) {
  const { options, enabledLanguages } = await administrator.get('systemSettings:get');
  if (options?.[MARK] >= VERSION) return;
  await work();
  await administrator.post('systemSettings:update?filterByTk=1', {
    enabledLanguages: [...new Set([...(enabledLanguages ?? []), ...LANGUAGES])],
    options: { ...options, [MARK]: VERSION },
  });
}

/**
 * The switcher shows it, with its picture; an application of the demo's first version has neither.
 * @param {import('../rest.mjs').RestClient} administrator of the main application
 * @param {import('./applications.mjs').DemoApplication} application
 */
async function show(administrator, { name, iconImage }) {
  const { pinned, icon, iconUrl } = await administrator.get(`applications:get?filterByTk=${name}`);
  if (pinned && (icon || iconUrl)) return;
  const picture = icon || iconUrl ? {} : { iconImage };
  await administrator.post(`applications:update?filterByTk=${name}`, { pinned: true, ...picture });
}

/**
 * @param {import('../rest.mjs').RestClient} administrator of the application
 * @param {import('./applications.mjs').DemoApplication} application
 */
async function fill(administrator, { displayName, collection, rows }) {
  const present = await administrator.get(`collections:list?filter=${encode({ name: collection.name })}`);
  if (present.length === 0) {
    await administrator.post('collections:create', collection);
    await administrator.post('systemSettings:update?filterByTk=1', { title: displayName });
  } else {
    await addFields(administrator, collection);
  }
  for (const row of rows) await ensureRow(administrator, collection.name, row);
}

/**
 * The demo's first version had fewer fields.
 * @param {import('../rest.mjs').RestClient} administrator of the application
 * @param {import('./applications.mjs').DemoApplication['collection']} collection
 */
async function addFields(administrator, { name, fields }) {
  const present = await administrator.get(`collections/${name}/fields:list?paginate=false`);
  const names = new Set(present.map((/** @type {{ name: string }} */ field) => field.name));
  for (const field of fields.filter((field) => !names.has(field.name))) {
    await administrator.post(`collections/${name}/fields:create`, field);
  }
}

/**
 * Creates a sample row, or gives the one that is there the values that it lacks.
 * @param {import('../rest.mjs').RestClient} administrator of the application
 * @param {string} collection
 * @param {Record<string, string | number>} row
 */
async function ensureRow(administrator, collection, row) {
  const [present] = await administrator.get(`${collection}:list?filter=${encode({ name: row.name })}`);
  if (!present) return administrator.post(`${collection}:create`, row);
  const lacking = Object.entries(row).filter(([field]) => present[field] == null);
  if (lacking.length === 0) return;
  await administrator.post(`${collection}:update?filterByTk=${present.id}`, Object.fromEntries(lacking));
}
