import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { MarkdownPage, ShownCommand } from './markdown-page.ts';
import { repositoryRoot } from './source-files.ts';

const run = promisify(execFile);
const defaultPatienceMs = 120_000;
/** In the environment of everything a page starts, by which what is left of it is found. */
const markName = 'AGORA_DOCS_TEST';

/** A checkout of its own, as it is on disk now, in which the commands of pages can do what they like. */
export class CheckoutCopy {
  readonly root: string;

  private constructor(root: string) {
    this.root = root;
  }

  static async make(): Promise<CheckoutCopy> {
    const root = await mkdtemp(join(tmpdir(), 'agora-docs-'));
    const listed = await run('git', ['ls-files', '-coz', '--exclude-standard'], { cwd: repositoryRoot });
    for (const path of listed.stdout.split('\0').slice(0, -1)) {
      if (existsSync(join(repositoryRoot, path)))
        await cp(join(repositoryRoot, path), join(root, path), { preserveTimestamps: true });
    }
    // Links cost nothing, and what happens to these names does not happen to the originals.
    const packages = [join(repositoryRoot, 'node_modules'), join(root, 'node_modules')];
    await run('cp', ['-al', ...packages]).catch(() => run('cp', ['-a', ...packages]));
    const author = ['-c', 'user.name=test', '-c', 'user.email=test@localhost'];
    await run('git', ['init', '-q', root]);
    await run('git', ['-C', root, 'add', '-A']);
    await run('git', ['-C', root, ...author, 'commit', '-qm', 'as it is'], { maxBuffer: 1 << 26 });
    return new CheckoutCopy(root);
  }

  /** Whether items can run here, as the product itself says. */
  async canRunItems(): Promise<boolean> {
    return run(join(this.root, 'bin/agora'), ['doctor'], { cwd: this.root }).then(
      () => true,
      () => false,
    );
  }

  /** As it was when it was made. */
  async reset(): Promise<void> {
    await run('git', ['-C', this.root, 'checkout', '-q', '--', '.']);
    await run('git', ['-C', this.root, 'clean', '-qffdx', '-e', 'node_modules']);
  }

  remove(): Promise<void> {
    return rm(this.root, { recursive: true, force: true });
  }
}

export interface PageSessionOptions {
  /** What is there of what commands need; the others are left out. Default: nothing. */
  readonly has?: readonly string[];
  /** Set over this process's environment. */
  readonly env?: NodeJS.ProcessEnv;
  /** Default: two minutes. */
  readonly patienceMs?: number;
}

/** Types a page's commands into one shell, in order, and compares exit codes and outputs. */
export async function runPage(
  page: MarkdownPage,
  copy: CheckoutCopy,
  { has = [], env = {}, patienceMs = defaultPatienceMs }: PageSessionOptions = {},
): Promise<void> {
  const results = await mkdtemp(join(tmpdir(), 'agora-docs-results-'));
  const commands = page.commands.filter(({ needs }) => needs.every((need) => has.includes(need)));
  try {
    for (const [path, text] of page.files) {
      await mkdir(dirname(join(copy.root, path)), { recursive: true });
      await writeFile(join(copy.root, path), text);
    }
    await runShell(scriptOf(commands, results), { cwd: copy.root, env: { ...process.env, ...env } }, patienceMs);
    for (const [index, command] of commands.entries()) await check(command, join(results, String(index)));
  } finally {
    await rm(results, { recursive: true, force: true });
  }
}

/** Stops at the first command that does not end as the page says. */
function scriptOf(commands: readonly ShownCommand[], results: string): string {
  const steps = commands.map(({ text, exitCode }, index) => {
    const to = join(results, String(index));
    return `{ ${text}\n} >'${to}.out' 2>'${to}.err'\necho $? >'${to}.code'\n[ "$(cat '${to}.code')" = ${exitCode} ] || exit 1`;
  });
  return `set -m\ntrap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n${steps.join('\n')}\n`;
}

async function runShell(
  script: string,
  { cwd, env }: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
  patienceMs: number,
): Promise<void> {
  const mark = `${process.pid}-${Date.now()}`;
  const shell = spawn('bash', ['-c', script], { cwd, env: { ...env, [markName]: mark }, stdio: 'ignore' });
  try {
    await once(shell, 'exit', { signal: AbortSignal.timeout(patienceMs) });
  } finally {
    await killMarked(mark);
  }
}

async function check({ text, exitCode, output }: ShownCommand, result: string): Promise<void> {
  assert.ok(existsSync(`${result}.code`), `the session did not get past: ${text}`);
  const [stdout, stderr, code] = await Promise.all(
    ['out', 'err', 'code'].map((kind) => readFile(`${result}.${kind}`, 'utf8')),
  );
  assert.equal(Number(code), exitCode, `exit code of: ${text}\n${stderr}${stdout?.slice(0, 1_000)}`);
  if (output !== undefined) assert.match(trimmed(stdout || stderr || ''), patternOf(output), `output of: ${text}`);
}

function patternOf(output: string): RegExp {
  const parts = trimmed(output).split('…');
  const literal = parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${literal.join('[\\s\\S]*?')}$`);
}

function trimmed(text: string): string {
  return text.replace(/[ \t]+$/gm, '').trimEnd();
}

/** Whatever a page left running, in whichever process group. */
async function killMarked(mark: string): Promise<void> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    if (!environment.split('\0').includes(`${markName}=${mark}`)) continue;
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It ended by itself meanwhile.
    }
  }
}
