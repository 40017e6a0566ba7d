// What the host provides, by place. Whatever else a bundle imports must be our own code.

/** Libraries in NocoBase's node_modules, beside @nocobase/*. */
export const serverExternals = [
  '@koa/router',
  'dayjs',
  'koa',
  'lodash',
  'mariadb',
  'multer',
  'mysql2',
  'pg',
  'qs',
  'redis',
  'semver',
  'sequelize',
  'ws',
];

/** AMD modules that both clients define. */
const shared = [
  '@ant-design/cssinjs',
  '@ant-design/icons',
  '@nocobase/client-v2',
  '@nocobase/flow-engine',
  'ahooks',
  'antd',
  'antd-style',
  'axios',
  'dayjs',
  'i18next',
  'lodash',
  'react',
  'react-dom',
  'react-i18next',
  'react-router',
  'react-router-dom',
  'react/jsx-runtime',
];

/** The v2 client has no @nocobase/client: asking for it there would fail the page. */
export const clientExternals = { v1: [...shared, '@nocobase/client'], v2: shared };
