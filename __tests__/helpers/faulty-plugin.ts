import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** Tests that run at the same time share the host's packages: each has one of its own. */
export const FAULTY = `nocobase-plugin-faulty-${process.pid}`;

const LINK = path.resolve(__dirname, '../../host/node_modules', FAULTY);

/**
 * A plugin that does what no plugin should, when it is asked to. In JavaScript, as NocoBase finds it on the disk.
 *
 * - `faulty:throw?count=&after=&every=` throws from timers
 * - `faulty:reject?after=` leaves a rejected promise alone
 * - `faulty:slow?ms=` answers after a while
 * - `faulty:microtask?count=` throws from microtasks
 * - `faulty:listener` throws from listeners of the process, of the supervisor and of the request
 * - `faulty:planted` emits what the listeners of the process and of the supervisor wait for
 * - `faulty:hog?mb=` takes so many megabytes of the heap in a second, as long as its database answers
 * - `faulty:late?ms=` writes a file `faulty-late` after a while, when its database has answered
 *
 * With a file `faulty-load` in the storage folder it also throws and rejects while it is loaded.
 */
const SERVER = `
'use strict';
const { existsSync } = require('node:fs');
const { writeFile } = require('node:fs/promises');
const path = require('node:path');
const { Plugin } = require('@nocobase/server');

const number = (ctx, name, otherwise) => Number(ctx.action.params[name] ?? otherwise);

class Faulty extends Plugin {
  async load() {
    const { app } = this;
    const of = app.name;
    app.resourceManager.define({
      name: 'faulty',
      actions: {
        async throw(ctx, next) {
          const count = number(ctx, 'count', 1);
          for (let index = 0; index < count; index += 1) {
            setTimeout(() => {
              throw new Error('Planted-exception of ' + of);
            }, number(ctx, 'after', 5) + index * number(ctx, 'every', 5));
          }
          ctx.body = { planted: count };
          await next();
        },
        async reject(ctx, next) {
          setTimeout(() => {
            void Promise.reject(new TypeError('Planted-rejection of ' + of));
          }, number(ctx, 'after', 5));
          ctx.body = {};
          await next();
        },
        async microtask(ctx, next) {
          for (let index = 0; index < number(ctx, 'count', 1); index += 1) {
            queueMicrotask(() => {
              throw new Error('Planted-microtask of ' + of);
            });
          }
          ctx.body = {};
          await next();
        },
        async listener(ctx, next) {
          const fault = () => {
            throw new Error('Planted-listener of ' + of);
          };
          const { AppSupervisor } = require('@nocobase/server');
          process.once('planted', fault);
          AppSupervisor.getInstance().once('planted', fault);
          ctx.res.once('close', fault);
          ctx.body = {};
          await next();
        },
        async hog(ctx, next) {
          const held = [];
          while (held.length < 4000) {
            for (let step = 0; step < number(ctx, 'mb', 20) / 10; step += 1) held.push(new Array(2 ** 17).fill(step + 0.5));
            await ctx.db.getRepository('users').count();
            await new Promise((resolve) => setTimeout(resolve, 100));
          }
          ctx.body = {};
          await next();
        },
        async late(ctx, next) {
          await new Promise((resolve) => setTimeout(resolve, number(ctx, 'ms', 1000)));
          const users = await ctx.db.getRepository('users').count();
          await writeFile(path.join(process.env.STORAGE_PATH, 'faulty-late'), String(users));
          ctx.body = {};
          await next();
        },
        async planted(ctx, next) {
          const { AppSupervisor } = require('@nocobase/server');
          process.emit('planted');
          AppSupervisor.getInstance().emit('planted');
          ctx.body = {};
          await next();
        },
        async slow(ctx, next) {
          await new Promise((resolve) => setTimeout(resolve, number(ctx, 'ms', 1000)));
          ctx.body = { slow: of };
          await next();
        },
      },
    });
    app.acl.allow('faulty', '*', 'public');
    if (of === 'main' || !existsSync(path.join(process.env.STORAGE_PATH, 'faulty-load'))) return;
    setTimeout(() => {
      throw new Error('Planted-load of ' + of);
    }, 1);
    void Promise.reject(new Error('Planted-load-rejection of ' + of));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

module.exports = Object.defineProperty({ default: Faulty }, '__esModule', { value: true });
`;

/** Puts it into the plugin storage of a host; NocoBase finds it there when it starts the next time. */
export async function placeFaultyPlugin(storageDir: string): Promise<void> {
  const folder = path.join(storageDir, 'plugins', FAULTY);
  const files = {
    'package.json': JSON.stringify({ name: FAULTY, version: '1.0.0', main: 'dist/server/index.js' }),
    'server.js': "module.exports = require('./dist/server/index.js');\n",
    'client.js': 'module.exports = {};\n',
    'dist/server/index.js': SERVER,
    'dist/externalVersion.js': 'module.exports = {};\n',
  };
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), text);
  }
  // NocoBase makes this link, too, but only after it has looked for the package: found at the second start, then.
  await removeFaultyPlugin();
  await symlink(folder, LINK);
}

/** The host's packages outlive the test. */
export async function removeFaultyPlugin(): Promise<void> {
  await rm(LINK, { force: true });
}
