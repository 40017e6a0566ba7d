'use strict';

// Loaded into the NocoBase process (`NODE_OPTIONS=--require ...`) of tests that need an application put out of memory:
// at SIGUSR2 all sub-applications are, by the call that whoever does so for idleness or memory makes too.
process.on('SIGUSR2', () => {
  const { AppSupervisor } = require('@nocobase/server');
  const supervisor = AppSupervisor.getInstance();
  for (const { name } of supervisor.getApps()) {
    if (name !== 'main') void supervisor.removeApp(name);
  }
});
