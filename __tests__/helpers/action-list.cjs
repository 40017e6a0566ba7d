'use strict';

// Loaded into the NocoBase process (`NODE_OPTIONS=--require ...`) of tests that try every action of an application. On
// SIGUSR2 it writes the actions of each running application to $ACTION_LIST: by ID, a list of `resource:action`.
const { renameSync, writeFileSync } = require('node:fs');

function actionsOf(app) {
  const { resourceManager } = app;
  const general = [];
  const found = new Set();
  for (const name of resourceManager.getRegisteredHandlers().keys()) {
    if (name.includes(':')) found.add(name);
    else general.push(name);
  }
  const names = new Set([...resourceManager.resources.keys(), ...app.db.collections.keys()]);
  for (const resource of names) {
    for (const action of resourceManager.resources.get(resource)?.actions.keys() ?? general) {
      found.add(`${resource}:${action}`);
    }
  }
  return [...found].sort();
}

process.on('SIGUSR2', () => {
  const { AppSupervisor } = require('@nocobase/server');
  const apps = AppSupervisor.getInstance().getApps();
  const lists = Object.fromEntries(apps.map((app) => [app.name, actionsOf(app)]));
  writeFileSync(`${process.env.ACTION_LIST}.tmp`, JSON.stringify(lists));
  renameSync(`${process.env.ACTION_LIST}.tmp`, process.env.ACTION_LIST);
});
