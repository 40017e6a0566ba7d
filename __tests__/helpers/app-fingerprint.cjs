'use strict';

// Loaded into the NocoBase process (`NODE_OPTIONS=--require ...`) of tests that compare what becomes of an application
// with the shortcuts of `server/lifecycle/fast-start/` and without. On SIGUSR2 it takes the job that lies in
// $FINGERPRINT_FOLDER/job.json, `{ id, name, fast }`, boots that application by NocoBase's own calls, writes down what
// came of it, destroys it, and answers in `<id>.json`.
const { createHash } = require('node:crypto');
const { readFileSync, renameSync, writeFileSync } = require('node:fs');
const path = require('node:path');

const folder = process.env.FINGERPRINT_FOLDER;

const sorted = (object) =>
  Object.fromEntries(Object.entries(object).sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0)));

/** Everything of a value that JSON can hold, and of the rest its kind: functions by their text, classes by name. */
function plain(value, depth = 0, seen = []) {
  if (typeof value === 'function') return `function ${digest(Function.prototype.toString.call(value))}`;
  if (typeof value === 'bigint' || typeof value === 'symbol') return String(value);
  if (value === undefined) return 'undefined';
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof RegExp) return String(value);
  if (seen.includes(value) || depth > 12) return '(again)';
  const within = [...seen, value];
  if (value instanceof Set) return [...value].map((item) => plain(item, depth + 1, within));
  if (value instanceof Map) return plain(Object.fromEntries(value), depth, seen);
  if (Array.isArray(value)) return value.map((item) => plain(item, depth + 1, within));
  const kind = value.constructor?.name ?? 'Object';
  if (kind !== 'Object' && depth > 0 && typeof value.toSql === 'function') return `${kind} ${value.toSql()}`;
  if (!['Object'].includes(kind)) return `(${kind})`;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item, depth + 1, within)]));
}

const digest = (text) => createHash('sha256').update(text).digest('hex').slice(0, 16);

function attributesOf(attributes) {
  const entries = Object.entries(attributes).map(([name, { Model, ...rest }]) => [
    name,
    { ...plain(rest), Model: Model?.name },
  ]);
  return { names: Object.keys(attributes), of: Object.fromEntries(entries) };
}

function modelOf(model) {
  const { prototype } = model;
  const accessors = Object.entries(Object.getOwnPropertyDescriptors(prototype)).map(([name, found]) => [
    name,
    ['get', 'set', 'value', 'enumerable', 'configurable'].filter((key) => found[key]).join(' '),
  ]);
  return {
    tableName: model.tableName,
    raw: attributesOf(model.rawAttributes),
    ofPrototype: prototype.rawAttributes === model.rawAttributes,
    table: attributesOf(model.tableAttributes),
    byColumn: Object.entries(model.fieldRawAttributesMap).map(([column, { fieldName }]) => [column, fieldName]),
    columns: model.fieldAttributeMap,
    primaryKeys: [Object.keys(model.primaryKeys), model.primaryKeyAttributes, model.primaryKeyAttribute],
    primaryKeyField: model.primaryKeyField,
    hasPrimaryKeys: [model._hasPrimaryKeys, Object.keys(model.rawAttributes).filter((key) => model._isPrimaryKey(key))],
    autoIncrement: plain(model.autoIncrementAttribute),
    uniqueKeys: plain(model.uniqueKeys),
    indexes: plain(model._indexes),
    sets: [plain(model._jsonAttributes), plain(model._virtualAttributes), plain(model._readOnlyAttributes)],
    changes: [Object.keys(model._dataTypeChanges), Object.keys(model._dataTypeSanitizers)],
    flags: Object.keys(model)
      .filter((key) => /^_has/.test(key))
      .map((key) => [key, model[key]])
      .sort(),
    defaults: Object.keys(model._defaultValues).map((name) => [name, typeof model._defaultValues[name]()]),
    custom: [Object.keys(prototype._customGetters), Object.keys(prototype._customSetters)],
    counts: [prototype._hasCustomGetters, prototype._hasCustomSetters],
    validators: plain(prototype.validators),
    manipulated: Object.keys(model._attributeManipulation),
    accessors: sorted(Object.fromEntries(accessors)),
    isAttribute: Object.keys(model.rawAttributes).every((key) => prototype._isAttribute(key)),
    associations: Object.values(model.associations).map((association) => [
      association.as,
      association.associationType,
      association.target.name,
      association.source.name,
      association.foreignKey,
      association.targetKey ?? null,
      association.sourceKey ?? null,
      association.through?.model?.name ?? null,
      association.otherKey ?? null,
    ]),
  };
}

function collectionsOf(db) {
  return Object.fromEntries(
    [...db.collections].map(([name, collection]) => [
      name,
      {
        kind: collection.constructor.name,
        options: plain(collection.options),
        fields: [...collection.fields].map(([field, { constructor, options }]) => [
          field,
          constructor.name,
          plain(options),
        ]),
        repository: collection.repository.constructor.name,
        model: modelOf(collection.model),
      },
    ]),
  );
}

function aclOf({ acl }) {
  return {
    roles: [...acl.roles].map(([name, role]) => [
      name,
      plain(role.strategy),
      plain(role.snippets),
      [...role.resources].map(([resource, { actions }]) => [resource, plain(actions)]),
    ]),
    snippets: plain([...acl.snippetManager.snippets].map(([name, { actions }]) => [name, actions])),
    allowed: plain(
      [...acl.allowManager.skipActions].map(([resource, actions]) => [
        resource,
        [...actions].map(([action, condition]) => [action, plain(condition)]),
      ]),
    ),
    available: [...acl.availableActions.keys()],
    strategies: [...acl.strategyResources],
  };
}

const listenersOf = (emitter, without = []) =>
  sorted(
    Object.fromEntries(
      emitter
        .eventNames()
        .filter((name) => !without.includes(name))
        .map((name) => [String(name), emitter.listenerCount(name)]),
    ),
  );

const byName = (a, b) => (a.definition.name < b.definition.name ? -1 : 1);

async function fingerprintOf(app) {
  const { aiManager, db, localeManager, resourceManager } = app;
  // A row that was written again has changed its place.
  const inOrder = (rows, key) =>
    Object.fromEntries(rows.map((row) => [row[key], plain({ ...row, createdAt: '', updatedAt: '' })]));
  return {
    plugins: [...app.pm.getPlugins().values()].map(({ name, options, state }) => [name, plain(options), plain(state)]),
    collections: collectionsOf(db),
    references: plain(db.referenceMap.map),
    inheritance: [...db.inheritanceMap.nodes.keys()],
    acl: aclOf(app),
    resources: [...resourceManager.resources].map(([name, resource]) => [
      name,
      [...resource.actions.keys()],
      plain(resource.options),
    ]),
    actions: [...resourceManager.actionHandlers.keys()],
    middlewares: [app.middleware.nodes.length, resourceManager.middlewares.nodes?.length ?? null],
    english: await localeManager.getBuiltInResources('en-US'),
    chinese: await localeManager.getBuiltInResources('zh-CN'),
    told: plain(await localeManager.get('en-US')),
    translations: app.i18n.store.data,
    // Found by a search of the disk that promises no order.
    tools: plain((await aiManager.toolsManager.listTools()).sort(byName)),
    skills: inOrder(await aiManager.skillsManager.listSkills(), 'name'),
    employees: inOrder(await aiManager.employeeManager.listEmployees(), 'username'),
    modes: [aiManager.skillsManager.mode, aiManager.employeeManager.mode, aiManager.mcpManager.mode],
    // The shortcuts listen to these themselves.
    listeners: listenersOf(app, ['beforeLoad', 'beforeLoadPlugin', 'maintaining']),
    databaseListeners: listenersOf(db),
  };
}

/** How many statements go to a database server while this runs, and how many connections are opened. */
async function counted(work) {
  const { Client } = require('pg');
  const { query, connect } = Client.prototype;
  const seen = { statements: 0, connections: 0 };
  Client.prototype.query = function (...args) {
    if (this.database !== process.env.DB_DATABASE) seen.statements += 1;
    return query.apply(this, args);
  };
  Client.prototype.connect = function (...args) {
    if (this.database !== process.env.DB_DATABASE) seen.connections += 1;
    return connect.apply(this, args);
  };
  try {
    return { result: await work(), ...seen };
  } finally {
    Object.assign(Client.prototype, { query, connect });
  }
}

async function boot({ name, fast }) {
  const { AppSupervisor } = require('@nocobase/server');
  const supervisor = AppSupervisor.getInstance();
  const mainApp = supervisor.apps.main;
  const { service } = mainApp.pm.get('nocobase-plugin-app-supervisor');
  const { fastStart } = service;
  const patches = fast ? fastStart.install(mainApp) : (fastStart.uninstall(), []);
  const begun = process.cpuUsage();
  const { result: app, ...seen } = await counted(async () => {
    const made = supervisor.registerApp({ appModel: service.model(name), mainApp, hook: false });
    made.setMaxListeners(100);
    if (fast) fastStart.prepare(made, mainApp);
    await made.authenticate();
    await made.load();
    await made.start();
    return made;
  });
  const { user, system } = process.cpuUsage(begun);
  try {
    return { patches, ...seen, cpuMs: Math.round((user + system) / 1_000), fingerprint: await fingerprintOf(app) };
  } finally {
    await app.destroy();
    delete supervisor.apps[name];
    fastStart.install(mainApp);
  }
}

process.on('SIGUSR2', () => {
  const job = JSON.parse(readFileSync(path.join(folder, 'job.json'), 'utf8'));
  const answer = (content) => {
    const file = path.join(folder, `${job.id}.json`);
    writeFileSync(`${file}.part`, JSON.stringify(content));
    renameSync(`${file}.part`, file);
  };
  boot(job).then(answer, (error) => answer({ error: String(error?.stack ?? error) }));
});
