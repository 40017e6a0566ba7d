import type { Application } from '@nocobase/server';
import type { EntriesHost } from './app-entries';
import { isTrusted } from './client-address';
import type { SupervisorConfig } from './config';
import { forgetGatewayLogger, onEachDatabase } from './core';
import { withDumpBound } from './databases/row-limit';
import { answerErrors, answerOuterErrors, answerMissingTables } from './error-answers';
import { tightenPrivateFiles } from './files/private-files';
import { keepOwnUploads, type OwnUploadsHost } from './files/own-uploads';
import { serveGuestClient } from './guest-client';
import { gateAppCommands, type AppCommandsHost } from './lifecycle/app-commands';
import { trackBelongings } from './lifecycle/belongings';
import type { DatabaseWatch } from './lifecycle/database-watch';
import type { FaultFence } from './lifecycle/fault-fence';
import type { FastStart } from './lifecycle/fast-start/fast-start';
import type { OutgoingRequests } from './lifecycle/outgoing-requests';
import { ownUploads } from './lifecycle/upload-folders';
import { pauseBetweenCollections } from './lifecycle/boot-turns';
import { limitReloads } from './lifecycle/reload-limit';
import type { ProcessConnections } from './lifecycle/process-connections';
import { assumeSchema } from './nocobase/existing-schema';
import { computingTimeOf, forgetComputingTime } from './nocobase/computing-time';
import { separateExportLocks } from './nocobase/export-locks';
import { separateFormulas } from './nocobase/formulas';
import { confineTemplates } from './nocobase/template-engines';
import { keepApiDocuments } from './nocobase/api-documents';
import { limitOauth } from './nocobase/oauth-states';
import { endRecursion } from './nocobase/recursive-queries';
import { boundSnippets } from './nocobase/snippets';
import { boundSchemas } from './nocobase/ui-schemas';
import { boundAnswers } from './nocobase/outgoing-answers';
import { widenDumps } from './nocobase/table-dumps';
import { endCircles, keepNodesStraight } from './nocobase/workflow-graph';
import { spreadSteps } from './nocobase/workflow-steps';
import { confineScripts } from './nocobase/workflow-scripts';
import { boundFieldSizes } from './nocobase/field-sizes';
import { boundPatterns } from './nocobase/patterns';
import { nameLocks } from './nocobase/locks';
import { sendEmptyPassword } from './nocobase/empty-password';
import { boundVisitorMaps, confineOrigins } from './nocobase/visitor-maps';
import { writeListsEvenly } from './nocobase/record-lists';
import { assertOwnInstance, type OwnInstanceHost } from './own-instance';
import { statePrefix } from './outside-state';
import { guardTenant } from './tenancy/tenant-guard';
import type { AppLimits } from './limits/app-limits';
import { separateActions } from './limits/crowd-turns';
import { limitBodyQueries } from './limits/body-query';
import { limitFilters } from './limits/filter-limit';
import { limitInjectedRequests, limitToolCalls } from './limits/injected-requests';
import { limitRecords } from './limits/record-limit';
import { limitTemplates, resolveInGroups } from './limits/template-limit';
import { limitUploads } from './limits/upload-limit';
import { limitUsers } from './limits/user-limit';

/** The parts of the service that an instance is connected to. */
export interface InstanceHooksHost extends EntriesHost, OwnUploadsHost, OwnInstanceHost, AppCommandsHost {
  readonly config: SupervisorConfig;
  readonly connections: ProcessConnections;
  readonly fastStart: FastStart;
  readonly databaseWatch: DatabaseWatch;
  readonly fence: FaultFence;
  readonly faults: { outgoing: Pick<OutgoingRequests, 'attach'> };
  readonly limits: AppLimits;
  mainApp(): Application;
}

/**
 * Gives a newly constructed instance of a sub-application everything that it gets from us, before it is loaded.
 * Called once for each instance; throws if the instance may not be used. What must survive the instance's own reloads is
 * attached at `beforeLoad`.
 */
export function prepareInstance(app: Application, host: InstanceHooksHost): void {
  assertOwnInstance(app, host);
  onEachDatabase(app, sendEmptyPassword);
  onEachDatabase(app, writeListsEvenly);
  onEachDatabase(app, pauseBetweenCollections);
  const time = computingTimeOf(app.name);
  onEachDatabase(app, (db) => boundPatterns(app, db, time));
  onEachDatabase(app, (db) => boundFieldSizes(app, db));
  onEachDatabase(app, endRecursion);
  host.connections.attach(app);
  const record = host.registry.find(app.name);
  if (record) nameLocks(app, statePrefix(record));
  // Before the guard of its commands: one that is refused holds nothing.
  gateAppCommands(app, host);
  guardTenant(app, host.config, () => {
    const current = host.record(app.name);
    return current && ownUploads(current);
  });
  boundSnippets(app);
  separateFormulas(app, () => host.fence.current);
  confineTemplates(app, () => host.fence.current);
  boundAnswers(app, () => host.fence.current);
  host.faults.outgoing.attach(app, host.fence.enclosureOf(app.name));
  confineScripts(app, () => host.fence.current);
  keepOwnUploads(app, host);
  limitInjectedRequests(app, host.limits);
  answerOuterErrors(app, () => host.mainApp());
  // At every load: the plugins are new objects after a reload.
  app.on('beforeLoad', () => {
    answerErrors(
      app,
      () => host.mainApp(),
      () => host.databaseWatch.suspect(app.name),
    );
    answerMissingTables(app, () => host.databaseWatch.judge(app.name));
    if (record) nameLocks(app, statePrefix(record));
    serveGuestClient(app, host);
    limitReloads(app, host.config.reloads);
    keepNodesStraight(app);
    limitFilters(app, host.config.sizes.query);
    limitBodyQueries(app, host.config.sizes.query);
    limitOauth(app);
    limitTemplates(app, () => host.limits.note(app.name, 'body'));
    limitRecords(app, host.config.sizes, host.limits);
    limitToolCalls(app, host.limits);
    separateActions(app, host.limits);
    limitUploads(app, host.limits);
    limitUsers(app, host.limits);
  });
  app.on('afterLoad', () => {
    resolveInGroups(app);
    boundVisitorMaps(app);
    spreadSteps(app);
    endCircles(app);
    boundSchemas(app);
    widenDumps(app, withDumpBound);
    keepApiDocuments(app);
    separateExportLocks(app, host.config.sizes.importBytes);
    confineOrigins(app, (address) => isTrusted(address, host.config.trustedProxies));
  });
  keepToSchema(app, host);
  trackBelongings(app);
  host.fence.encloseEvents(app.name, app);
  app.on('afterStart', () => void tightenPrivateFiles(app.name));
  app.on('afterDestroy', () => {
    forgetGatewayLogger(app.name);
    forgetComputingTime(app.name);
  });
  host.fastStart.prepare(app, host.mainApp());
}

/** Of an application that we provisioned, the schema is there. */
function keepToSchema(app: Application, { registry }: InstanceHooksHost): void {
  const { provisioning, options } = registry.find(app.name) ?? {};
  if (!provisioning || options?.dbConnType !== 'new_schema') return;
  onEachDatabase(app, (db) => assumeSchema(db, String(db.options.schema)));
}
