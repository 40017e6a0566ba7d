import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Application } from '@nocobase/server';
import { readConfig } from '../../../server/config';
import { AppLimits } from '../../../server/limits/app-limits';
import { BodyGuard } from '../../../server/limits/body-guard';
import { limitUploads } from '../../../server/limits/upload-limit';
import { refuse } from '../../../server/routing/refusal';
import { isAppError } from '../../../src/errors';
import { LIMIT_NAMES, LIMITS, type Limits } from '../../../src/policies/limits';

const MB = 2 ** 20;

type Middleware = (ctx: object, next: () => Promise<void>) => Promise<void>;

/** A server with the guard and the limit; its handler reads the file. 1 MB is in use, 3 MB is the limit. */
describe('the storage limit of uploads', () => {
  let server: Server;
  let guard: BodyGuard;
  let limits: AppLimits;
  let stored: number;
  let fails: boolean;

  beforeEach(async () => {
    [stored, fails] = [0, false];
    const defaults = Object.fromEntries(LIMIT_NAMES.map((name) => [name, LIMITS[name].fallback])) as Limits;
    const record = { name: 'upload-limit-test', startMode: 'lazy' as const, options: {}, limits: { storage: 3 } };
    limits = new AppLimits({
      config: { limits: defaults },
      registry: { get: () => record, all: () => [] },
      tell: () => undefined,
      places: { size: () => Promise.resolve(MB) },
      runners: new Map(),
    });
    let middleware: Middleware = () => Promise.resolve();
    const resourceManager = { use: (given: Middleware) => (middleware = given) };
    limitUploads({ name: record.name, resourceManager } as unknown as Application, limits);
    guard = new BodyGuard({
      sizes: readConfig({}, () => undefined).sizes,
      ready: true,
      appOf: () => record.name,
      secretOf: () => 'secret',
      maxBodyBytes: () => 100 * MB,
      bodyTimeMs: () => 0,
      refuse,
      noteTooLarge: () => undefined,
    });
    server = createServer((req, res) => {
      const length = req.headers['content-length'];
      const ctx = {
        action: { resourceName: 'attachments', actionName: 'create' },
        db: { getCollection: () => ({ options: { template: 'file' } }) },
        request: { is: () => 'multipart/form-data', length: length === undefined ? undefined : Number(length) },
        req,
      };
      const handler = async () => {
        let bytes = 0;
        for await (const piece of req) bytes += (piece as Buffer).length;
        if (fails) throw new Error('no such field');
        stored += bytes;
      };
      middleware(ctx, handler).then(
        () => res.end('ok'),
        (error: Error) => {
          if (isAppError(error)) return refuse(req, res, error);
          res.statusCode = 500;
          return res.headersSent || res.end();
        },
      );
    });
    guard.install(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  afterEach(async () => {
    guard.uninstall();
    limits.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  function upload(bytes: number, chunked: boolean): Promise<number | undefined> {
    return new Promise((resolve) => {
      const headers = { 'content-type': 'multipart/form-data; boundary=b' };
      const length = chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': String(bytes) };
      const { port } = server.address() as AddressInfo;
      const sent = request({ port, agent: false, method: 'POST', headers: { ...headers, ...length } }, (res) => {
        res.resume();
        resolve(res.statusCode);
      });
      sent.on('error', () => resolve(undefined));
      for (let at = 0; at < bytes; at += MB / 4) sent.write(Buffer.alloc(Math.min(MB / 4, bytes - at)));
      sent.end();
    });
  }

  describe.each([
    ['of a known length', false],
    ['in chunks, without a length', true],
  ])('%s', (_case, chunked) => {
    it('storage limit: an upload that fits passes, and counts at once', async () => {
      expect(await upload(1.5 * MB, chunked)).toBe(200);
      expect(limits.storage.usage('upload-limit-test')).toBe(2.5 * MB);
      expect(await upload(1 * MB, chunked)).toBe(413);
      expect(stored).toBe(1.5 * MB);
    });

    it('storage limit: an upload that does not fit is refused', async () => {
      expect(await upload(5 * MB, chunked)).toBe(413);
      expect([stored, limits.storage.usage('upload-limit-test')]).toEqual([0, MB]);
      expect(limits.refusals('upload-limit-test', 'storage')).toBe(1);
    });

    it('storage limit: many uploads at the same time do not pass it together', async () => {
      const statuses = await Promise.all(Array.from({ length: 8 }, () => upload(900_000, chunked)));
      expect(statuses.filter((status) => status === 200).length).toBeLessThanOrEqual(2);
      expect(stored).toBeLessThanOrEqual(2 * MB);
      expect(limits.storage.usage('upload-limit-test')).toBe(MB + stored);
    });

    it('storage limit: an upload that fails does not count', async () => {
      fails = true;
      expect(await upload(MB, chunked)).toBe(500);
      expect(limits.storage.usage('upload-limit-test')).toBe(MB);
    });
  });
});
