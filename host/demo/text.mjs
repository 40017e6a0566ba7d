// @ts-check
/**
 * What the demo prints: a line for every way of reaching an application, and what to try next.
 */
import { DEFAULT_DATA_DIR } from '../options.mjs';

/**
 * @param {import('../index.mjs').Host} host
 * @returns {string[]}
 */
export function linesToTry(host) {
  return [...waysToReach(host), '', ...nextSteps(host), ''];
}

/** @param {import('../index.mjs').Host} host */
function waysToReach({ port, api, url }) {
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
  ];
}

/** @param {import('../index.mjs').Host} host */
function nextSteps({ port, api, url, dataDir, credentials, database }) {
  const local = `http://localhost:${port}`;
  const app = `${environment(dataDir)}npm run -s nocobase -- app`;
  const account = quoted(JSON.stringify({ account: credentials.email, password: credentials.password }));
  const headers = "-H 'X-Authenticator: basic' -H 'Content-Type: application/json'";
  const signIn = `${local}${api.slice(url.length)}/auth:signIn`;
  const copies =
    database.dialect === 'postgres'
      ? [
          '  Clone; and export, which needs pg_dump (on Debian and Ubuntu in the package postgresql-client):',
          `    ${app} clone crm crm-copy --wait`,
        ]
      : ['  Export (clones need PostgreSQL):'];
  return [
    '  Try next. The App Supervisor, where applications are managed (v1 and v2 client):',
    `    ${local}/admin/settings/app-supervisor`,
    `    ${local}/v/admin/settings/app-supervisor`,
    '  In a second terminal, in this folder. Sleep after 20 seconds without a request; a visit wakes the application:',
    `    ${app} update shop --idle-timeout 20`,
    `    ${app} list`,
    ...copies,
    `    ${app} export crm --output crm.tar`,
    '  A second language: choose it in the user menu at the top right, or give an application its own:',
    `    ${app} create clinic --display-name 诊所 --lang zh-CN --wait`,
    '  A token for the REST API (docs/rest.md):',
    `    TOKEN=$(curl -s ${headers} -d ${account} ${signIn} | sed 's/.*"token":"\\([^"]*\\)".*/\\1/')`,
    `    curl -H "Authorization: Bearer $TOKEN" ${local}${api.slice(url.length)}/applications:list`,
  ];
}

/**
 * The command line finds the running NocoBase by its data directory.
 * @param {string} dataDir
 */
function environment(dataDir) {
  return dataDir === DEFAULT_DATA_DIR ? '' : `HOST_DATA_DIR=${quoted(dataDir)} `;
}

/**
 * As one word of a shell's command line.
 * @param {string} text
 */
function quoted(text) {
  return /^[\w./:@-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
