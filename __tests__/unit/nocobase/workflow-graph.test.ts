import { createRequire } from 'node:module';
import path from 'node:path';
import * as fc from 'fast-check';
import { codeOf } from '../helpers/code-of';
import { assertNoCircle, guardRuns } from '../../../server/nocobase/workflow-graph';

const host = createRequire(path.resolve('host/node_modules/x.js'));
const { Processor } = host('@nocobase/plugin-workflow') as {
  Processor: { prototype: { makeNodes(nodes: object[]): void } };
};

/** Nodes in a row; some have branches. Node 0 is the first. */
const trees = fc.array(fc.nat(), { minLength: 1, maxLength: 60 }).map((parents) => {
  const nodes = parents.map((parent, id) => ({
    id,
    upstreamId: id === 0 ? null : parent % id,
    downstreamId: null as number | null,
  }));
  for (const { id, upstreamId } of nodes) {
    const upstream = upstreamId === null ? undefined : nodes[upstreamId];
    if (upstream?.downstreamId === null) upstream.downstreamId = id;
  }
  return nodes;
});

describe('the nodes of a workflow', () => {
  it('pass if they form a tree', () => {
    fc.assert(fc.property(trees, (nodes) => expect(codeOf(() => assertNoCircle(nodes))).toBe('passes')));
  });

  it('are refused if a node leads back to one before it', () => {
    fc.assert(
      fc.property(trees, fc.nat(), (nodes, pick) => {
        const last = nodes[pick % nodes.length]!;
        // Any of those that lead to it, or itself.
        let before = last;
        for (let steps = pick % 7; steps > 0 && before.upstreamId !== null; steps -= 1)
          before = nodes[before.upstreamId]!;
        last.downstreamId = before.id;
        expect(codeOf(() => assertNoCircle(nodes))).toBe('APP_VALUE_INVALID');
      }),
    );
  });

  it.each([
    [[{ id: 1, downstreamId: 1 }]],
    [[{ id: 1, upstreamId: 1 }]],
    [
      [
        { id: 1, downstreamId: 2 },
        { id: '2', downstreamId: '1' },
      ],
    ],
    [
      [
        { id: 1, upstreamId: 2 },
        { id: 2, upstreamId: 3 },
        { id: 3, upstreamId: 1 },
      ],
    ],
  ])('are refused: %j', (nodes) => {
    expect(codeOf(() => assertNoCircle(nodes))).toBe('APP_VALUE_INVALID');
  });

  it('may be very many in a row', () => {
    const nodes = Array.from({ length: 50_000 }, (_, id) => ({
      id,
      upstreamId: id ? id - 1 : null,
      downstreamId: id + 1,
    }));
    expect(codeOf(() => assertNoCircle(nodes))).toBe('passes');
  });

  it('are looked at before a run of NocoBase follows them', () => {
    guardRuns(Processor.prototype as never);
    const run = () =>
      Object.assign(Object.create(Processor.prototype) as typeof Processor.prototype, { nodesMap: new Map() });
    expect(
      codeOf(() =>
        run().makeNodes([
          { id: 1, downstreamId: 2 },
          { id: 2, downstreamId: 1 },
        ]),
      ),
    ).toBe('APP_VALUE_INVALID');
    expect(
      codeOf(() =>
        run().makeNodes([
          { id: 1, downstreamId: 2 },
          { id: 2, upstreamId: 1 },
        ]),
      ),
    ).toBe('passes');
  });
});
