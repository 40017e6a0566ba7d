import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { LogHealth, REOPEN_MS } from '../../server/metrics/log-health';
import { guardFile, guardRotating } from '../../server/nocobase/log-transports';

const load = createRequire(createRequire(path.resolve('host/node_modules/x.js')).resolve('@nocobase/logger'));

interface Logger {
  info(line: string): void;
  close(): void;
}
interface Winston {
  createLogger(options: object): Logger;
  transports: { File: new (options: object) => object };
}

const winston = load('winston') as Winston;
const Rotating = load('winston-daily-rotate-file') as new (options: object) => object;

/** A disk of 64 KB; undefined if nothing can be mounted here. */
function smallDisk(): string | undefined {
  const folder = mkdtempSync(path.join(tmpdir(), 'small-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder], { stdio: 'ignore' });
    return folder;
  } catch {
    rmSync(folder, { recursive: true });
    return undefined;
  }
}

const probe = smallDisk();
if (probe) unmount(probe);

function unmount(folder: string): void {
  execFileSync('umount', ['-l', folder]);
  rmSync(folder, { recursive: true });
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 150));

/** Classes of their own, so that those of the process stay as they are. */
const KINDS: Record<string, (dirname: string, health: LogHealth) => object> = {
  dailyRotateFile: (dirname, health) => {
    class Own extends Rotating {}
    guardRotating(Own as never, health);
    return new Own({ dirname, filename: 'system_%DATE%.log', maxSize: 20 * 2 ** 20, maxFiles: '14d' });
  },
  file: (dirname, health) => {
    class Own extends winston.transports.File {}
    guardFile(Own as never, health);
    return new Own({ dirname, filename: 'system.log', maxsize: 20 * 2 ** 20, maxFiles: 10 });
  },
};

(probe ? describe : describe.skip).each(Object.entries(KINDS))(
  'the transport %s on a full disk (needs the right to mount a tmpfs)',
  (_name, open) => {
    let folder: string;
    let now = Date.now();
    let health: LogHealth;
    let logger: Logger;
    const filler = () => path.join(folder, 'filler');
    const fill = () => {
      try {
        for (let size = 0; size < 64; size += 1) writeFileSync(filler(), Buffer.alloc(1_024), { flag: 'a' });
      } catch {
        // It is full.
      }
    };
    const content = () =>
      readdirSync(folder)
        .filter((file) => file.endsWith('.log'))
        .map((file) => readFileSync(path.join(folder, file), 'utf8'))
        .join('');

    beforeEach(async () => {
      folder = smallDisk() as string;
      health = new LogHealth(() => now);
      logger = winston.createLogger({ transports: [open(folder, health)] });
      logger.info('before');
      // The file is opened first; that may take its time.
      for (let look = 0; look < 100 && !content().includes('before'); look += 1) await settle();
    });

    afterEach(async () => {
      logger.close();
      await settle();
      unmount(folder);
    });

    it('loses lines and counts them, and writes again when there is room', async () => {
      expect(content()).toContain('before');
      fill();
      // More than the page that the file has already.
      for (let line = 0; line < 8; line += 1) logger.info('x'.repeat(2_000));
      await settle();
      expect(health.summary()).toMatchObject({ failing: 1, last: { code: 'ENOSPC' } });
      const lost = health.summary().lostLines;
      logger.info('dropped');
      await settle();
      expect(health.summary().lostLines).toBe(lost + 1);

      now += REOPEN_MS;
      logger.info('y'.repeat(9_000));
      await settle();
      // Still full: the file that was opened again failed too.
      expect(health.summary()).toMatchObject({ failing: 1 });

      rmSync(filler());
      now += REOPEN_MS;
      logger.info('after');
      await settle();
      logger.info('and after');
      await settle();
      now += 3_000;
      expect(health.summary().failing).toBe(0);
      expect(content()).toMatch(/after[^]*and after/);
      expect(content()).not.toContain('dropped');
    });

    it('counts nothing more once its logger is closed', async () => {
      fill();
      for (let line = 0; line < 8; line += 1) logger.info('x'.repeat(2_000));
      await settle();
      logger.close();
      await settle();
      expect(health.summary().failing).toBe(0);
      rmSync(filler());
    });
  },
);
