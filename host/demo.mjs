// @ts-check
/**
 * Two small sub-applications, each with a title and data of its own, made as a user of the REST API would make them;
 * and a line to try for every way of reaching them. What is there already is left as it is.
 */
import { HostProblem } from './problem.mjs';
import { signInAs } from './plugin.mjs';
import { RestError } from './rest.mjs';

const APPLICATIONS = [
  {
    name: 'crm',
    displayName: 'Customer relations',
    cname: 'crm.test.localhost',
    collection: collection('customers', 'Customers', [text('name', 'Name'), text('city', 'City')]),
    rows: [
      { name: 'Ada Brandt', city: 'Hamburg' },
      { name: 'Li Wei', city: 'Chengdu' },
      { name: 'Noor Haddad', city: 'Amman' },
    ],
  },
  {
    name: 'shop',
    displayName: 'Web shop',
    cname: 'shop.test.localhost',
    collection: collection('products', 'Products', [text('name', 'Name'), whole('stock', 'In stock')]),
    rows: [
      { name: 'Desk lamp', stock: 12 },
      { name: 'Bookshelf', stock: 4 },
      { name: 'Oak table', stock: 1 },
    ],
  },
];

/** What its administrator has stopped since stays stopped; and what has failed is mended in the NocoBase that runs. */
const LEFT = ['stopped', 'failed', 'quarantined'];

/**
 * @param {import('./index.mjs').Host} host
 * @param {{ report: import('./report.mjs').Report, signal?: AbortSignal }} options
 * @returns {Promise<string[]>} the lines to try
 */
export async function createDemo(host, { report, signal }) {
  const administrator = await signInAs(host.rest, host.credentials, 'for the demo');
  for (const application of APPLICATIONS) {
    signal?.throwIfAborted();
    await report.step(`demo: ${application.displayName} (${application.name})`, async (note) => {
      try {
        note('application');
        const state = await createApplication(administrator, application, host.database.database);
        if (LEFT.includes(state)) return;
        note('data');
        await fill(
          await signInAs(host.rest.app(application.name), host.credentials, `to ${application.name}`),
          application,
        );
      } catch (error) {
        if (!(error instanceof RestError)) throw error;
        // It can be restored, or purged, in the NocoBase that runs then.
        if (error.code === 'APP_NAME_REMOVED') return;
        throw new HostProblem(`The demo application ${application.name} could not be made ready: ${error.message}`);
      }
    });
  }
  return linesToTry(host);
}

/**
 * @param {import('./rest.mjs').RestClient} administrator
 * @param {typeof APPLICATIONS[number]} application
 * @param {string} mainDatabase
 * @returns {Promise<string>} its state
 */
async function createApplication(administrator, { name, displayName, cname }, mainDatabase) {
  const present = await administrator.get(`applications:list?pageSize=200&filter=${encode({ name })}`);
  if (present.length > 0) return present[0].state;
  const database = `${mainDatabase}_${name}`; // two hosts may share a database server
  const options = { dbConnType: 'new_database', database: { database } };
  return (await administrator.post('applications:create?wait=true', { name, displayName, cname, options })).state;
}

/**
 * @param {import('./rest.mjs').RestClient} administrator of the application
 * @param {typeof APPLICATIONS[number]} application
 */
async function fill(administrator, { displayName, collection, rows }) {
  const present = await administrator.get(`collections:list?filter=${encode({ name: collection.name })}`);
  if (present.length === 0) {
    await administrator.post('collections:create', collection);
    await administrator.post('systemSettings:update?filterByTk=1', { title: displayName });
  }
  const filled = await administrator.get(`${collection.name}:list?pageSize=1`);
  if (filled.length > 0) return;
  for (const row of rows) await administrator.post(`${collection.name}:create`, row);
}

/** @param {import('./index.mjs').Host} host */
function linesToTry({ port, api, url }) {
  const path = api.slice(url.length);
  const local = `http://localhost:${port}`;
  const title = 'systemSettings:get'; // answered without a sign-in; its title tells the applications apart
  return [
    '  In a browser, with the same sign-in:',
    `    by path           ${local}/apps/crm/admin/`,
    `                      ${local}/apps/shop/admin/`,
    `    by subdomain      http://crm.localhost:${port}/`,
    `    by custom domain  http://shop.test.localhost:${port}/`,
    '  In a shell (the title in the answer says who answered):',
    `    by path           curl ${local}${path}/__app/crm/${title}`,
    `    by header         curl -H 'X-App: shop' ${local}${path}/${title}`,
    `    by query          curl '${local}${path}/${title}?__appName=crm'`,
    `    by subdomain      curl -H 'Host: shop.localhost' ${local}${path}/${title}`,
    `    by custom domain  curl -H 'Host: crm.test.localhost' ${local}${path}/${title}`,
    '',
  ];
}

/** @param {unknown} filter */
const encode = (filter) => encodeURIComponent(JSON.stringify(filter));

/**
 * @param {string} name
 * @param {string} title
 * @param {object[]} fields
 */
function collection(name, title, fields) {
  const id = {
    name: 'id',
    type: 'bigInt',
    interface: 'integer',
    autoIncrement: true,
    primaryKey: true,
    allowNull: false,
    uiSchema: { title: 'ID', type: 'number', 'x-component': 'InputNumber', 'x-read-pretty': true },
  };
  return { name, title, template: 'general', logging: true, autoGenId: false, fields: [id, ...fields] };
}

/**
 * @param {string} name
 * @param {string} title
 */
function text(name, title) {
  return { name, type: 'string', interface: 'input', uiSchema: { title, type: 'string', 'x-component': 'Input' } };
}

/**
 * @param {string} name
 * @param {string} title
 */
function whole(name, title) {
  return {
    name,
    type: 'integer',
    interface: 'integer',
    uiSchema: { title, type: 'number', 'x-component': 'InputNumber' },
  };
}
