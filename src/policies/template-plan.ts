import type { AppOptions } from '../app-record';
import { isPlainObject } from '../plain-object';
import type { StoredPlugin } from './upgrade-plan';

/**
 * What template databases are for, and which of them are worth keeping. A template is a database with a finished
 * installation in it that nobody uses; all that is known of it stands in its comment.
 */

/** The comment of a finished template; whatever has no such comment is half built. */
export interface TemplateMark {
  by: typeof TEMPLATE_MAKER;
  state: 'ready';
  /** The main application that it belongs to: `ownerText`. */
  owner: string;
  /** NocoBase's version, and those of the plugins, that are installed in it. */
  core: string;
  plugins: StoredPlugin[];
  /** ISO time. */
  madeAt: string;
}

export const TEMPLATE_MAKER = 'nocobase-plugin-app-supervisor';
export const TEMPLATE_PREFIX = 'app_supervisor_template_';

/** A main application has so many templates at most: one for each set of plugins that is in use, usually one. */
export const MAX_TEMPLATES = 3;

/** A template as it is found on the server. */
export interface FoundTemplate {
  name: string;
  /** Absent while it is being built. */
  mark?: TemplateMark;
}

/** The main application that templates belong to. */
export interface TemplateOwner {
  /** The object identifier of its database: another one after it was moved, or on another server. */
  oid: string;
  /** Two main applications may have schemas of one database. */
  schema: string;
}

export const ownerText = ({ oid, schema }: TemplateOwner) => `${oid}/${schema}`;

/** @param hash of the canonical key */
export function templateName({ oid }: TemplateOwner, hash: string): string {
  return `${TEMPLATE_PREFIX}${oid}_${hash.slice(0, 24)}`;
}

/** The database of whose main application a template is, by its name. */
function oidIn(name: string): string | undefined {
  return /^(\d+)_/.exec(name.slice(TEMPLATE_PREFIX.length))?.[1];
}

/** The comment as a mark; undefined for what is none. */
export function readMark(comment: string | null | undefined): TemplateMark | undefined {
  if (!comment) return undefined;
  try {
    const mark = JSON.parse(comment) as unknown;
    if (!isPlainObject(mark) || mark.by !== TEMPLATE_MAKER || mark.state !== 'ready') return undefined;
    const { owner, core, plugins, madeAt } = mark;
    const complete = [owner, core, madeAt].every((value) => typeof value === 'string') && Array.isArray(plugins);
    return complete ? (mark as unknown as TemplateMark) : undefined;
  } catch {
    return undefined;
  }
}

/** The same text for the same value, in whatever order its keys were written. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item ?? null)).join(',')}]`;
  if (!isPlainObject(value)) return JSON.stringify(value ?? null);
  const known = Object.keys(value).filter((key) => value[key] !== undefined);
  return `{${known
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`)
    .join(',')}}`;
}

/** Options of an application that leave no trace in its tables, or whose trace is written anew after the copy. */
const WITHOUT_TRACE = ['dbConnType', 'autoStart', 'lang', 'authManager', 'standaloneDeployment', 'environments'];

/** The options that its installation depends on: its plugins, and whatever we do not know. */
export function installedOptions(options: AppOptions): Record<string, unknown> {
  const kept = Object.entries(options).filter(([key]) => key !== 'database' && !WITHOUT_TRACE.includes(key));
  const { database: _name, pool: _pool, ...database } = options.database ?? {};
  return { ...Object.fromEntries(kept), ...(Object.keys(database).length ? { database } : {}) };
}

/** What NocoBase's plugins read when they are installed; `INIT_ROOT_*` is written anew after the copy. */
const INSTALLED_ENVIRONMENT =
  /^(APPEND_PRESET_|LOCAL_STORAGE_|DEFAULT_STORAGE_TYPE$|ALI_OSS_|AWS_|TX_COS_|INIT_(?!ROOT_))/;

export function installedEnvironment(env: Record<string, string | undefined>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => INSTALLED_ENVIRONMENT.test(name)));
}

/** Everything that two applications must have in common to be copies of one template. */
export interface TemplateKey {
  owner: string;
  core: string;
  layout: object;
  options: Record<string, unknown>;
  environment: Record<string, string | undefined>;
}

/**
 * The templates that are to be dropped: half built ones, while nobody else is building any; those of other versions;
 * the oldest beyond `max`; and those whose main application is gone. Never one of another main application.
 * @param here the names of the templates that hold what is installed in this process
 * @param oids of all databases of the server
 */
export function surplusTemplates(
  found: readonly FoundTemplate[],
  owner: TemplateOwner,
  here: ReadonlySet<string>,
  oids: ReadonlySet<string>,
  max = MAX_TEMPLATES,
): string[] {
  const isOwn = ({ name, mark }: FoundTemplate) => (mark ? mark.owner === ownerText(owner) : oidIn(name) === owner.oid);
  const own = found.filter(isOwn);
  const newest = own
    .filter(({ name, mark }) => mark && here.has(name))
    .sort((a, b) => ((a.mark?.madeAt ?? '') < (b.mark?.madeAt ?? '') ? 1 : -1));
  const kept = new Set(newest.slice(0, max).map(({ name }) => name));
  const isAbandoned = ({ name }: FoundTemplate) => {
    const oid = oidIn(name);
    return oid !== undefined && !oids.has(oid);
  };
  return found
    .filter((template) => (isOwn(template) ? !kept.has(template.name) : isAbandoned(template)))
    .map(({ name }) => name);
}
