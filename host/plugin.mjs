// @ts-check
/**
 * Enables the plugin in a NocoBase that runs, the way an administrator does in the plugin manager.
 */
import { PLUGIN_NAME } from './paths.mjs';
import { HostProblem } from './problem.mjs';
import { RestError } from './rest.mjs';

/**
 * @param {import('./rest.mjs').RestClient} main
 * @param {{ email: string, password: string }} credentials
 * @param {() => Promise<void>} untilHealthy
 */
export async function enablePlugin(main, credentials, untilHealthy) {
  const administrator = await signInAs(main, credentials, 'to enable the plugin');
  if (await isEnabled(administrator)) return;
  try {
    await administrator.post(`pm:enable?filterByTk=${PLUGIN_NAME}&awaitResponse=true`);
  } catch (error) {
    if (!(error instanceof RestError)) throw error;
    throw new HostProblem(`NocoBase refused to enable the plugin: ${error.message}`);
  }
  await untilHealthy();
  if (!(await isEnabled(administrator))) {
    throw new HostProblem('NocoBase did not enable the plugin; the reason is in its log (storage/logs/main).');
  }
}

/**
 * @param {import('./rest.mjs').RestClient} client
 * @param {{ email: string, password: string }} credentials
 * @param {string} purpose
 */
export async function signInAs(client, credentials, purpose) {
  try {
    return await client.signIn(credentials);
  } catch (error) {
    if (!(error instanceof RestError) || error.status >= 500) throw error;
    throw new HostProblem(
      `NocoBase refused the sign-in of ${credentials.email} ${purpose}; if the password was changed, name the present one with INIT_ROOT_EMAIL and INIT_ROOT_PASSWORD.`,
    );
  }
}

/** @param {import('./rest.mjs').RestClient} administrator */
async function isEnabled(administrator) {
  const row = await administrator.get(`pm:get?filterByTk=${PLUGIN_NAME}`);
  return row?.enabled === true;
}
