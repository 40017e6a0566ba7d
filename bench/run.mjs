// @ts-check
/**
 * `npm run bench`: the measurements of docs/performance.md, side by side with `@nocobase/plugin-multi-app-manager` in one
 * run, on one machine, in the same NocoBase.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT_DIR, hostRequire } from '../host/paths.mjs';
import { prepare } from '../host/prepare.mjs';
import { HostProblem } from '../host/problem.mjs';
import { runAsProgram } from '../host/program.mjs';
import { tables } from './findings.mjs';
import { Laboratory } from './laboratory.mjs';
import { connections } from './scenarios/connections.mjs';
import { creation } from './scenarios/creation.mjs';
import { cycles } from './scenarios/cycles.mjs';
import { fleetCheck } from './scenarios/fleet-check.mjs';
import { flood } from './scenarios/flood.mjs';
import { heap } from './scenarios/heap.mjs';
import { limitsOff } from './scenarios/limits-off.mjs';
import { storm } from './scenarios/storm.mjs';
import { throughput } from './scenarios/throughput.mjs';
import { wake } from './scenarios/wake.mjs';

/** @type {Record<string, { question: string, rounds: number, measure: (laboratory: Laboratory, rounds: number) => Promise<import('./findings.mjs').Findings> }>} */
const SCENARIOS = {
  wake,
  storm,
  throughput,
  heap,
  cycles,
  connections,
  'fleet-check': fleetCheck,
  creation,
  flood,
  'limits-off': limitsOff,
};

const HELP = `npm run bench -- [options]
  --only wake,storm   these alone, of: ${Object.keys(SCENARIOS).join(', ')}
  --rounds 5          instead of each one's own number of rounds
  --quick             a tenth of everything, to try the measurements themselves
  --before <folder>   also the plugin of another checkout, prepared by its host/prepare.mjs (wake, throughput,
                      creation, flood, limits-off)
  --out <file>        the figures as JSON; default bench/results/latest.json`;

await runAsProgram(async ({ signal, report }) => {
  const options = readOptions(process.argv.slice(2));
  if (options.help) return report.say(HELP);
  await prepare({ report, signal });
  const laboratory = await Laboratory.open({ report, signal, before: options.before, quick: options.quick });
  const results = {
    conditions: { ...conditions(), quick: options.quick },
    scenarios: /** @type {Record<string, unknown>} */ ({}),
  };
  const failures = [];
  /** @type {Promise<never>} */
  const interrupted = new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  interrupted.catch(() => undefined);
  try {
    for (const name of options.only) {
      signal.throwIfAborted();
      const { question, rounds, measure } = SCENARIOS[name];
      report.say(`\n${name}: ${question}`);
      const startedAt = Date.now();
      try {
        const measuring = measure(laboratory, options.rounds ?? rounds);
        measuring.catch(() => undefined);
        const findings = await Promise.race([measuring, interrupted]);
        const seconds = Math.round((Date.now() - startedAt) / 1_000);
        results.scenarios[name] = { question, seconds, ...findings };
        report.say(`\n${tables(findings)}\n\n(${seconds} s)`);
      } catch (error) {
        signal.throwIfAborted();
        // One that fails takes no other along.
        failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
        results.scenarios[name] = { question, failed: failures.at(-1) };
        report.say(`  ✗ ${failures.at(-1)}`);
      }
      save(options.out, results);
    }
  } finally {
    await report.step('clearing up', () => laboratory.close());
  }
  report.say(`\nThe figures of every round: ${options.out}`);
  if (failures.length > 0) throw new HostProblem('Not everything could be measured.', { details: failures });
});

/** @param {string[]} args */
function readOptions(args) {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string' },
      rounds: { type: 'string' },
      before: { type: 'string' },
      out: { type: 'string' },
      quick: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  const only =
    values.only?.split(',') ?? Object.keys(SCENARIOS).filter((name) => values.before || name !== 'limits-off');
  const unknown = only.filter((name) => !SCENARIOS[name]);
  if (unknown.length > 0) throw new HostProblem(`There is no scenario ${unknown.join(', ')}.\n\n${HELP}`);
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds >= 1)) {
    throw new HostProblem('--rounds must be a whole number of at least 1.');
  }
  const out = values.out ?? join(ROOT_DIR, 'bench', 'results', 'latest.json');
  const { before, quick = false, help } = values;
  return { only, rounds, out, before, quick, help };
}

/** What the figures depend on. */
function conditions() {
  return {
    at: new Date().toISOString(),
    node: process.version,
    nocobase: hostRequire('@nocobase/server/package.json').version,
    cpu: `${cpus().length} × ${cpus()[0]?.model.trim()}`,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${release()}`,
  };
}

/**
 * @param {string} file
 * @param {object} results
 */
function save(file, results) {
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
}
