'use strict';

/**
 * The rooms of the house and who may import whom: docs/development.md says it in words.
 *
 * The floors of server/, from the top. A file imports only what stands on a lower floor, or beside it in its own room
 * (its own folder). A new file or folder of server/ gets its place here.
 */
const FLOORS = [
  ['plugin.ts'],
  ['commands/', 'adapters/', 'resources/', 'registration.ts'],
  ['routing/'],
  ['registrar.ts'],
  ['app-service.ts'],
  ['archives/'],
  ['leadership/'],
  ['instance-hooks.ts'],
  ['own-instance.ts'],
  ['guest-client.ts', 'app-portals.ts', 'main-restore.ts', 'tenancy/'],
  ['app-entries.ts'],
  ['app-details.ts', 'app-logs.ts', 'supervisor-metrics.ts'],
  ['app-descriptions.ts'],
  ['isolation.ts'],
  [
    'app-view.ts',
    'recycle-bin.ts',
    'database-acceptance.ts',
    'administrator-password.ts',
    'fleet-upgrade.ts',
    'fault-desk.ts',
    'app-places.ts',
    'visits.ts',
    'app-rows.ts',
    'app-icons.ts',
  ],
  ['instance-options.ts'],
  ['limits/'],
  ['outside-state.ts'],
  [
    'registry.ts',
    'claims.ts',
    'absence.ts',
    'app-options.ts',
    'enabled-mark.ts',
    'error-answers.ts',
    'retold.ts',
    'timeline.ts',
    'actor.ts',
    'changed-fields.ts',
    'domain-check.ts',
    'used-hosts.ts',
    'change-nudge.ts',
  ],
  ['files/'],
  ['lifecycle/'],
  ['databases/', 'environments/', 'sso/'],
  ['metrics/'],
  ['config.ts', 'nocobase/', 'core.ts', 'command-socket.ts', 'client-address.ts'],
  ['size-config.ts'],
  // Declarations: read by NocoBase and by the build, and by nobody's logic.
  ['collections/', 'swagger/'],
];

const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const roomPath = (room) => `^server/${escape(room)}${room.endsWith('/') ? '' : '$'}`;
const anyOf = (rooms) => rooms.map(roomPath).join('|');
const npm = (names) =>
  names.map((name) => `(^|/)node_modules/(@types/)?${escape(name)}/|^${escape(name)}(/|$)`).join('|');

const floorRules = FLOORS.flatMap((rooms, floor) =>
  rooms.map((room) => {
    const sameOrAbove = FLOORS.slice(0, floor + 1)
      .flat()
      .filter((other) => other !== room);
    return {
      name: `floor-of-server-${room.replace(/\W+$/, '')}`,
      comment: `server/${room} imports only what stands on a floor below it.`,
      severity: 'error',
      from: { path: roomPath(room) },
      to: { path: anyOf(sameOrAbove) },
    };
  }),
).filter((rule) => rule.to.path !== '');

const CLIENT_LIBRARIES = [
  'react',
  'react-dom',
  'antd',
  '@ant-design/icons',
  'i18next',
  'react-i18next',
  'react-router-dom',
];
/** Loaded by itself, when a chart is first shown. */
const CHART_LIBRARIES = ['uplot'];
const CLIENT_PACKAGES = ['@nocobase/client', '@nocobase/client-v2', '@nocobase/flow-engine'];

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-circles',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'src-is-pure',
      comment: 'src/ is the domain, shared by server and client: no NocoBase, no library, no I/O.',
      severity: 'error',
      from: { path: '^src/' },
      to: { pathNot: '^src/' },
    },
    {
      name: 'client-imports',
      comment: 'client/ imports src/, the NocoBase client packages and the libraries that both clients share.',
      severity: 'error',
      from: { path: '^client/' },
      to: { pathNot: ['^(client|src|locale)/', npm(CLIENT_LIBRARIES), npm(CLIENT_PACKAGES), npm(CHART_LIBRARIES)] },
    },
    {
      name: 'charts-are-loaded-by-themselves',
      comment: 'What draws charts is no part of the pages that everyone loads.',
      severity: 'error',
      from: { path: '^client/', pathNot: '^client/charts/' },
      to: { path: npm(CHART_LIBRARIES) },
    },
    {
      name: 'charts-are-imported-lazily',
      severity: 'error',
      from: { path: '^client/' },
      to: { path: '^client/charts/boot-plot', dependencyTypesNot: ['dynamic-import', 'type-only'] },
    },
    {
      name: 'administration-is-imported-late',
      comment: 'Pages of applications, and whoever only uses block and switcher, have no use for it.',
      severity: 'error',
      from: { path: '^client/(index|late-pages|entries/|v1/)' },
      to: {
        path: '^client/(pages|hooks|charts|components/(app-form|app-page|fleet|overview))/',
        dependencyTypesNot: ['dynamic-import', 'type-only'],
      },
    },
    {
      name: 'client-v1-only-in-its-entry',
      comment: 'Components are written once; @nocobase/client does not exist in the v2 client.',
      severity: 'error',
      from: { path: '^client/', pathNot: '^client/(index\\.tsx$|v1/)' },
      to: { path: '(^|/)@nocobase/client($|/)' },
    },
    {
      name: 'client-v2-only-in-its-entry',
      severity: 'error',
      from: { path: '^client/', pathNot: '^client/(index\\.v2\\.tsx$|v2/)' },
      to: { path: '(^|/)@nocobase/(client-v2|flow-engine)($|/)' },
    },
    {
      name: 'server-imports',
      comment: 'server/ imports src/ and packages. Which packages the host provides, the build checks.',
      severity: 'error',
      from: { path: '^server/' },
      to: {
        pathNot: ['^(server|src)/', '^package\\.json$', '(^|/)node_modules/', '^@nocobase/'],
        dependencyTypesNot: ['core'],
      },
    },
    {
      name: 'commands-stand-alone',
      comment: 'The command line is a program of its own: nothing of NocoBase, and of ours only what needs none of it.',
      severity: 'error',
      from: { path: '^server/commands/' },
      to: { pathNot: ['^(server/commands|src)/', '^server/command-socket\\.ts$'], dependencyTypesNot: ['core'] },
    },
    {
      name: 'server-has-no-client-package',
      severity: 'error',
      from: { path: '^server/' },
      to: { path: npm([...CLIENT_PACKAGES, 'react', 'react-dom', 'antd', '@ant-design/icons', 'react-i18next']) },
    },
    {
      name: 'every-server-file-has-a-floor',
      comment: 'Give this file or folder of server/ its floor at the top of .dependency-cruiser.cjs.',
      severity: 'error',
      from: { path: '^server/', pathNot: anyOf(FLOORS.flat()) },
      to: {},
    },
    {
      name: 'import-only-placed-server-files',
      comment: 'Give this file or folder of server/ its floor at the top of .dependency-cruiser.cjs.',
      severity: 'error',
      from: {},
      to: { path: '^server/', pathNot: anyOf(FLOORS.flat()) },
    },
    ...floorRules,
    {
      name: 'migration-imports',
      comment:
        'A migration imports NocoBase server packages; of ours only types (it reaches its plugin as this.plugin).',
      severity: 'error',
      from: { path: '^migrations/' },
      to: {
        pathNot: ['^migrations/', '(^|/)@nocobase/(server|database)($|/)', npm(['sequelize'])],
        dependencyTypesNot: ['type-only'],
      },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|coverage|\\.host)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.tsx', '.d.ts', '.mjs', '.cjs', '.js', '.json'],
    },
  },
};
