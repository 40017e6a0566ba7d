import type { Application } from '@nocobase/server';
import { AppError } from '../../src/errors';
import { isPlainObject } from '../../src/plain-object';
import { changeHost } from './host-parts';
import { addResourceMiddleware } from './resource-middlewares';

/**
 * If the nodes of a workflow form a circle, NocoBase follows them forever, and the process answers no further request. The
 * screens of NocoBase cannot create such a circle. An HTTP request or an SQL statement can.
 */

type Key = string | number | bigint | null | undefined;

interface WorkflowNode {
  id?: Key;
  upstreamId?: Key;
  downstreamId?: Key;
}

/** The fields by which nodes are joined; NocoBase sets them itself. */
const JOINTS = ['downstream', 'downstreamId', 'upstream', 'branches'];
const NODES = 'flow_nodes';
/** Actions that follow the nodes of the workflow. */
const FOLLOWING = new Set(['destroy', 'destroyBranch', 'move', 'duplicate']);
const READING = new Set(['list', 'get', 'test']);

/** Whether following these pointers from some node leads back to it. */
function hasCircle(next: ReadonlyMap<string, readonly string[]>): boolean {
  const done = new Set<string>();
  for (const start of next.keys()) {
    // Without recursion: a workflow may have many nodes in a row.
    const path: { id: string; left: string[] }[] = [];
    const onPath = new Set<string>();
    const enter = (id: string) => {
      onPath.add(id);
      path.push({ id, left: [...(next.get(id) ?? [])] });
    };
    if (!done.has(start)) enter(start);
    for (let step = path.at(-1); step; step = path.at(-1)) {
      const id = step.left.pop();
      if (id === undefined) {
        path.pop();
        onPath.delete(step.id);
        done.add(step.id);
      } else if (onPath.has(id)) return true;
      else if (!done.has(id)) enter(id);
    }
  }
  return false;
}

/** @throws APP_VALUE_INVALID if the nodes form a circle, in either direction */
export function assertNoCircle(nodes: readonly WorkflowNode[]): void {
  const forwards = new Map<string, string[]>();
  const backwards = new Map<string, string[]>();
  const join = (map: Map<string, string[]>, from: Key, to: Key) => {
    if (from === null || from === undefined || to === null || to === undefined) return;
    const known = map.get(String(from));
    if (known) known.push(String(to));
    else map.set(String(from), [String(to)]);
  };
  for (const { id, upstreamId, downstreamId } of nodes) {
    join(forwards, id, downstreamId);
    join(forwards, upstreamId, id);
    join(backwards, id, upstreamId);
  }
  if (hasCircle(forwards) || hasCircle(backwards)) {
    throw new AppError('APP_VALUE_INVALID', { field: 'nodes', reason: 'the nodes of the workflow form a circle' });
  }
}

interface NodeContext {
  action?: {
    resourceName?: string;
    actionName?: string;
    sourceId?: unknown;
    params?: { filterByTk?: unknown; values?: unknown };
  };
}

interface Row {
  get(field: string): unknown;
  toJSON(): WorkflowNode;
}

/** The nodes of the workflows that a request to nodes is about. */
async function nodesMeant(app: Application, { action }: NodeContext): Promise<WorkflowNode[]> {
  const repository = app.db.getRepository('flow_nodes');
  const fields = ['id', 'upstreamId', 'downstreamId', 'workflowId'];
  const given = [action?.params?.filterByTk ?? []].flat();
  const keys = given.filter((key) => typeof key === 'string' || typeof key === 'number');
  const named = keys.length > 0 ? ((await repository.find({ filter: { id: keys }, fields })) as Row[]) : [];
  const workflows = new Set(named.map((node) => node.get('workflowId')));
  if (action?.sourceId !== undefined && action.sourceId !== null) workflows.add(action.sourceId);
  if (workflows.size === 0) return [];
  const found = (await repository.find({ filter: { workflowId: [...workflows] }, fields })) as Row[];
  return found.map((node) => node.toJSON());
}

const SET_BY_NOCOBASE = 'NocoBase sets it itself';

function assertNoJoints(nodes: readonly unknown[]): void {
  for (const node of nodes) {
    const joint = isPlainObject(node) ? JOINTS.find((field) => field in node) : undefined;
    if (joint) throw new AppError('APP_VALUE_INVALID', { field: joint, reason: SET_BY_NOCOBASE });
  }
}

/** Refuses changes to nodes that would make NocoBase follow a circle. Call it before each load. */
export function keepNodesStraight(app: Application): void {
  const check = async (ctx: NodeContext, next: () => Promise<void>) => {
    const { actionName = '', params } = ctx.action ?? {};
    assertNoJoints([params?.values ?? []].flat());
    if (FOLLOWING.has(actionName)) {
      if (params?.filterByTk === undefined || params.filterByTk === null) {
        throw new AppError('APP_VALUE_INVALID', { field: 'filterByTk', reason: 'it is missing' });
      }
      assertNoCircle(await nodesMeant(app, ctx));
    }
    await next();
  };
  const middleware = (ctx: NodeContext, next: () => Promise<void>): Promise<void> => {
    const { resourceName = '', actionName = '', params } = ctx.action ?? {};
    if (READING.has(actionName)) return next();
    if (resourceName === NODES || resourceName === 'workflows.nodes') return check(ctx, next);
    // The associations of nodes with each other.
    if (resourceName.startsWith(`${NODES}.`)) {
      throw new AppError('APP_VALUE_INVALID', { field: resourceName.slice(NODES.length + 1), reason: SET_BY_NOCOBASE });
    }
    if (resourceName === 'workflows') {
      for (const values of [params?.values ?? []].flat()) {
        if (isPlainObject(values)) assertNoJoints([values.nodes ?? []].flat());
      }
    }
    return next();
  };
  addResourceMiddleware(app, 'admitted', middleware);
}

interface Processor {
  makeNodes: (this: Processor, nodes?: WorkflowNode[]) => unknown;
}

const guarded = new WeakSet<object>();

/** Refuses to run a workflow if its nodes form a circle. Patches each class once. */
export function guardRuns(prototype: Processor): void {
  if (guarded.has(prototype)) return;
  guarded.add(prototype);
  const original = prototype.makeNodes;
  prototype.makeNodes = function (nodes) {
    assertNoCircle(nodes ?? []);
    return original.call(this, nodes);
  };
}

/** Bounds the runs of workflows, of the main application as well: the class is one. Call it after each load. */
export function endCircles(app: Application): void {
  if (!app.pm.get('workflow')) return;
  changeHost(app, 'circles of nodes are not found: this version of NocoBase runs workflows in another way', (load) => {
    const { Processor } = load('@nocobase/plugin-workflow') as { Processor?: { prototype: Partial<Processor> } };
    if (typeof Processor?.prototype.makeNodes !== 'function') throw new TypeError('the processor makes no nodes');
    guardRuns(Processor.prototype as Processor);
  });
}
