// @ts-check
/**
 * Many running applications under load on a PostgreSQL of the usual size: nobody may be refused a connection.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ADMINISTRATOR } from '../contender.mjs';
import { claim, figure } from '../findings.mjs';
import { appNames } from '../laboratory.mjs';
import { load } from '../load.mjs';
import { percentile } from '../statistics.mjs';

const APPLICATIONS = 60;
const CLIENTS_EACH = 2;
const SECONDS = 20;
const MAX_CONNECTIONS = 100;
const COUNT_EVERY_MS = 100;
/** Reads the application's database at each request. */
const ACTION = 'users:list?pageSize=5';

export const connections = {
  question: `${APPLICATIONS} running applications under load, max_connections=${MAX_CONNECTIONS}`,
  rounds: 1,

  /**
   * @param {import('../laboratory.mjs').Laboratory} laboratory
   * @returns {Promise<import('../findings.mjs').Findings>}
   */
  async measure(laboratory) {
    const applications = laboratory.size(APPLICATIONS);
    const setting = { fleet: { installed: applications }, env: { APP_SUPERVISOR_MAX_WAITING: '1000' } };
    const server = { maxConnections: MAX_CONNECTIONS };
    return laboratory.withContenders(
      ['ours'],
      setting,
      async ([contender]) => {
        const observer = await laboratory.server.connect();
        const over = new AbortController();
        /** @type {number[]} */
        const counted = [];
        try {
          const counting = count(observer, counted, over.signal);
          const names = appNames(applications);
          const logFrom = readFileSync(laboratory.server.logFile).length;
          let refused = 0;
          const tokens = await Promise.all(
            names.map(async (name) => {
              refused += (await contender.visit(name)).refused;
              const { headers } = await contender.host.rest.app(name).signIn(ADMINISTRATOR);
              return { ...headers, 'X-App': name };
            }),
          );
          const url = `${contender.api}/${ACTION}`;
          const loads = await Promise.all(
            tokens.map((headers) => load({ url, connections: CLIENTS_EACH, seconds: SECONDS, headers })),
          );
          const running = (await contender.probe.ask('running')).names.length;
          over.abort();
          await counting;
          const complaints = readFileSync(laboratory.server.logFile)
            .subarray(logFrom)
            .toString()
            .match(/too many clients|remaining connection slots/g);
          const answers = loads.reduce((sum, { requests }) => sum + requests, 0);
          const others = loads.reduce((sum, load) => sum + load.others, 0);
          const ms = loads.flatMap((load) => load.ms);
          const budget = await budgetOf(contender);
          return {
            figures: [
              figure('ours', 'running applications at the end', '', [running]),
              figure('ours', 'answers under load', '', [answers]),
              figure('ours', 'answers under load, p50', 'ms', [percentile(ms, 0.5)]),
              figure('ours', 'answers under load, p99', 'ms', [percentile(ms, 0.99)]),
              figure('ours', 'slowest application, answers', '', [Math.min(...loads.map((load) => load.requests))]),
              figure('ours', 'connections, most', '', [Math.max(...counted)]),
            ],
            claims: [
              claim('answers other than 200', [others + refused], 'at most', 0),
              claim('connections that PostgreSQL refused', [complaints?.length ?? 0], 'at most', 0),
              ...(budget === undefined ? [] : [claim('connections, most', [Math.max(...counted)], 'at most', budget)]),
            ],
            notes: budget === undefined ? ['This build tells of no connection budget (`appSupervisor:info`).'] : [],
          };
        } finally {
          over.abort();
          await observer.end();
        }
      },
      server,
    );
  },
};

/**
 * Connections of NocoBase, without the observer's own.
 * @param {any} observer
 * @param {number[]} counted
 * @param {AbortSignal} until
 */
async function count(observer, counted, until) {
  while (!until.aborted) {
    const { rows } = await observer.query(
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`,
    );
    counted.push(rows[0].n);
    await sleep(COUNT_EVERY_MS, undefined, { signal: until }).catch(() => undefined);
  }
}

/** @param {import('../contender.mjs').Contender} contender */
async function budgetOf(contender) {
  const info = await (await contender.administrator).get('appSupervisor:info');
  const budget = Number(info?.connections?.limit);
  return Number.isFinite(budget) ? budget : undefined;
}
