import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';

const PROGRAM = '/usr/sbin/nginx';
const READY_MS = 10_000;

/** A port that nobody has at the moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** A certificate that signs itself, for these hosts; returns it. */
export async function makeCertificate(file: string, hosts: string[]): Promise<string> {
  const names = hosts.map((host) => `DNS:${host}`).join(',');
  const made = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-subj', '/CN=test', '-addext', `subjectAltName=${names}`, '-keyout', `${file}.key`, '-out', `${file}.pem`],
  ]);
  if (made.status !== 0) throw new Error(String(made.stderr));
  return readFile(`${file}.pem`, 'utf8');
}

/** A real Nginx in a folder of its own. */
export class Nginx {
  private constructor(
    private readonly child: ChildProcess,
    readonly folder: string,
  ) {}

  /** @param files below the folder: `conf.d/*.conf` is included, as Debian's own configuration includes it */
  static async start(folder: string, files: Record<string, string>): Promise<Nginx> {
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
    const main = `
      ${process.getuid?.() === 0 ? 'user root;' : ''}
      daemon off; worker_processes 2; pid ${folder}/pid; error_log ${folder}/error.log;
      events {}
      http {
        access_log off;
        ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
        include conf.d/*.conf;
      }`;
    for (const [name, text] of Object.entries({ ...files, 'nginx.conf': main })) {
      await mkdir(path.join(folder, path.dirname(name)), { recursive: true });
      await writeFile(path.join(folder, name), text);
    }
    await chmod(folder, 0o700);
    const child = spawn(PROGRAM, ['-p', folder, '-c', path.join(folder, 'nginx.conf')], { stdio: 'pipe' });
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
    let ended = false;
    child.once('error', (error) => (said += String(error))).once('close', () => (ended = true));
    const nginx = new Nginx(child, folder);
    for (const end = Date.now() + READY_MS; !(await readFile(`${folder}/pid`, 'utf8').catch(() => '')).trim();) {
      if (ended || Date.now() > end) {
        await nginx.stop();
        throw new Error(`Nginx did not start: ${said}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return nginx;
  }

  errors(): Promise<string> {
    return readFile(`${this.folder}/error.log`, 'utf8').catch(() => '');
  }

  async stop(): Promise<void> {
    const { child } = this;
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    const closed = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), READY_MS);
    await closed;
    clearTimeout(late);
  }
}
