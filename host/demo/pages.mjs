// @ts-check
/**
 * Pages of the demo, made with NocoBase's flow surfaces: one page is shown by both clients, under `/admin` and under
 * `/v/admin`.
 */
import { randomBytes } from 'node:crypto';

const APPLICATIONS_TITLE = '{{t("Applications", { ns: "nocobase-plugin-app-supervisor" })}}';
const APPLICATIONS_BLOCK = 'AppSupervisorAppsBlockModel';

/** As high as the form beside it. */
const CHART_SIZE = { height: 340, heightMode: 'specifyValue' };

/** A link is relative, so that it stays in the client (v1 or v2) that shows the page. */
const WELCOME = `{% if ctx.locale == "zh-CN" %}
**试一试**

- 打开上面的一个应用，然后用左上角的九点按钮切换到另一个。
- 在[应用管理器](settings/app-supervisor)中新建、克隆、导出或停止应用。
- 无人访问时应用会休眠，下次访问时自动唤醒。
- 在右上角的用户菜单中切换语言。
{% else %}
**Try this**

- Open an application above, then move to another one with the nine dots at the top left.
- Create, clone, export or stop applications in the [App Supervisor](settings/app-supervisor).
- An application without visitors falls asleep; the next visit wakes it.
- Switch the language in the user menu at the top right.
{% endif %}`;

/**
 * A page with charts, a form and a table of the application's collection, unless it is there already.
 * @param {import('../rest.mjs').RestClient} administrator of the application
 * @param {import('./applications.mjs').DemoApplication} application
 */
export async function ensureDataPage(administrator, { collection, page }) {
  if (await findPage(administrator, page.item.title)) return;
  await administrator.post('flowSurfaces:applyBlueprint', blueprint(collection, page));
}

/**
 * The page that the main application opens on, with the Applications block.
 * @param {import('../rest.mjs').RestClient} administrator of the main application
 */
export async function ensureApplicationsPage(administrator) {
  const page = { title: APPLICATIONS_TITLE, icon: 'AppstoreOutlined' };
  const { pageSchemaUid } =
    (await findPage(administrator, page.title)) ?? (await administrator.post('flowSurfaces:createPage', page));
  const { tree } = await administrator.get(`flowSurfaces:get?pageSchemaUid=${pageSchemaUid}`);
  const { grid } = tree.subModels.tabs[0].subModels;
  /** @type {string[]} */
  const present = (grid.subModels?.items ?? []).map((/** @type {{ use: string }} */ { use }) => use);
  if (!present.includes(APPLICATIONS_BLOCK)) {
    const uid = randomBytes(6).toString('hex');
    const place = { parentId: grid.uid, subKey: 'items', subType: 'array' };
    await administrator.post('flowModels:save', { uid, use: APPLICATIONS_BLOCK, ...place });
  }
  if (!present.includes('MarkdownBlockModel')) {
    const text = { target: { uid: grid.uid }, type: 'markdown', settings: { content: WELCOME } };
    await administrator.post('flowSurfaces:addBlock', text);
  }
}

/**
 * NocoBase reads braces in a filter as a variable, so titles are compared here.
 * @param {import('../rest.mjs').RestClient} administrator
 * @param {string} title
 * @returns {Promise<{ pageSchemaUid: string } | undefined>}
 */
async function findPage(administrator, title) {
  const routes = await administrator.get('desktopRoutes:list?paginate=false');
  const route = routes.find(
    (/** @type {{ type: string, title: string }} */ route) => route.type === 'flowPage' && route.title === title,
  );
  return route && { pageSchemaUid: route.schemaUid };
}

/**
 * @param {import('./applications.mjs').DemoApplication['collection']} collection
 * @param {import('./applications.mjs').DemoPage} page
 */
function blueprint({ name, title, fields }, { group, item, form, charts }) {
  const shown = fields.map((field) => field.name).filter((field) => field !== 'id');
  const [first, second, ...others] = shown;
  const blocks = [
    ...charts.map((chart) => ({ key: chart.key, type: 'chart', title: chart.title, chart: chart.key, ...CHART_SIZE })),
    {
      key: 'form',
      type: 'createForm',
      title: form,
      collection: name,
      fields: shown,
      fieldsLayout: { rows: [[first], [second], others] },
      actions: ['submit'],
    },
    {
      key: 'table',
      type: 'table',
      title,
      collection: name,
      fields: shown,
      actions: ['filter', 'refresh', 'addNew'],
      recordActions: ['view', 'edit'],
    },
  ];
  const firstRow = [...charts.map(({ key }) => key), 'form'].map((key) => ({ key, span: 24 / (charts.length + 1) }));
  return {
    version: '1',
    mode: 'create',
    navigation: { group, item },
    page: { title: item.title, documentTitle: item.title },
    tabs: [{ key: 'main', title: item.title, blocks, layout: { rows: [firstRow, ['table']] } }],
    assets: { charts: Object.fromEntries(charts.map((chart) => [chart.key, chartOf(name, chart)])) },
  };
}

/**
 * @param {string} collectionName
 * @param {import('./applications.mjs').DemoChart} chart
 */
function chartOf(collectionName, { type, by, measure }) {
  const mappings = type === 'bar' ? { x: by, y: measure.alias } : { category: by, value: measure.alias };
  return {
    query: {
      mode: 'builder',
      resource: { dataSourceKey: 'main', collectionName },
      measures: [measure],
      dimensions: [{ field: by }],
    },
    visual: { mode: 'basic', type, mappings, ...(type === 'bar' && { style: { xAxisLabelRotate: 30 } }) },
  };
}
