import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { waitUntil } from '../../src/base/deadline.ts';
import { environmentNames } from '../../src/contracts/names.ts';
import { readPage } from './markdown-page.ts';
import type { Project, Running } from './project.ts';
import { leftToNpmTest } from './quick-tests.ts';
import { freePort } from './ssh-server.ts';

const run = promisify(execFile);
const patience = { timeoutMs: 20_000, intervalMs: 20 };
const page = 'docs/how-to/run-a-server.md';

/** Why no nginx can be started here; undefined when one can. */
export async function nginxObstacle(): Promise<string | undefined> {
  if (leftToNpmTest) return leftToNpmTest;
  try {
    await run('nginx', ['-v']);
    return undefined;
  } catch (cause) {
    const obstacle = 'nginx is not installed (Debian: nginx-light)';
    if (process.env[environmentNames.requireEngine] === '1')
      throw new Error(`A real proxy is required: ${obstacle}`, { cause });
    return obstacle;
  }
}

/** An nginx in front of a server, with the lines that the documentation shows for one. It ends with the project. */
export class Nginx {
  readonly port: number;
  readonly #project: Project;
  #running: Running;

  private constructor(project: Project, port: number) {
    this.#project = project;
    this.port = port;
    this.#running = this.#start();
  }

  /** It gives up where nothing was said for so long. */
  static async start(
    project: Project,
    { server, patienceSeconds }: { readonly server: string; readonly patienceSeconds: number },
  ): Promise<Nginx> {
    const port = await freePort();
    await mkdir(join(project.folder, 'nginx'));
    const lines = shownLines({ server, patienceSeconds });
    await writeFile(join(project.folder, 'nginx', 'nginx.conf'), configuration(port, lines));
    const nginx = new Nginx(project, port);
    await nginx.#works(1);
    return nginx;
  }

  /** What its connections have come to, a line each; none of one that is open. */
  async ended(): Promise<readonly string[]> {
    return (await this.#project.read('nginx/access.log')).split('\n').filter((line) => line !== '');
  }

  /** Its workers are replaced, as after a change of its configuration. */
  async reload(): Promise<void> {
    this.#running.child.kill('SIGHUP');
    await this.#works(2);
  }

  /** All connections are cut. */
  async restart(): Promise<void> {
    this.#running.child.kill('SIGTERM');
    await this.#running.finished;
    this.#running = this.#start();
    await this.#works(1);
  }

  #start(): Running {
    return this.#project.start('nginx', [
      '-p',
      join(this.#project.folder, 'nginx'),
      '-c',
      'nginx.conf',
      '-e',
      'stderr',
    ]);
  }

  async #works(times: number): Promise<void> {
    const { child, stderr } = this.#running;
    const count = () => stderr().split('start worker process ').length - 1;
    await waitUntil('a worker of nginx', () => count() >= times || child.exitCode !== null, patience);
    if (child.exitCode !== null) throw new Error(`nginx ended: ${stderr()}`);
  }
}

function configuration(port: number, lines: string): string {
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `  ${name}_temp_path ${name};`);
  // Its workers would be of another user, who sees nothing of the project.
  return `user root;
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr notice;
events {}
http {
  access_log access.log;
${folders.join('\n')}
  server {
    listen 0.0.0.0:${port};
${lines}
  }
}
`;
}

/** As shown, but for where the server is and how long is waited. */
function shownLines({
  server,
  patienceSeconds,
}: {
  readonly server: string;
  readonly patienceSeconds: number;
}): string {
  const [, shown = ''] = /^```nginx\n([\s\S]*?)^```$/m.exec(readPage(page).text) ?? [];
  const told = shown
    .replace(/(?<=proxy_pass )[^;]+/, server)
    .replace(/(?<=proxy_read_timeout )[^;]+/, `${patienceSeconds}s`);
  if (!told.includes(`proxy_pass ${server};`) || !told.includes(`proxy_read_timeout ${patienceSeconds}s;`))
    throw new Error(`"${page}" shows no lines for nginx that could be tried`);
  return `${told}\nsend_timeout ${patienceSeconds}s;`;
}
