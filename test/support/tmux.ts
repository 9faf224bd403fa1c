import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { waitUntil } from '../../src/base/deadline.ts';
import type { Project } from './project.ts';

const run = promisify(execFile);
const patience = { timeoutMs: 30_000, intervalMs: 50 };

/** Why there is none, for a test's `skip`. */
export async function tmuxObstacle(): Promise<string | false> {
  return (await whereIs('tmux')) === undefined && 'tmux is not installed';
}

/** The path of the first of these programs that this machine has. */
export async function whereIs(...names: readonly string[]): Promise<string | undefined> {
  const found = await run('which', [...names]).catch(({ stdout }: { readonly stdout: string }) => ({ stdout }));
  return found.stdout.split('\n')[0] || undefined;
}

/** A terminal with a shell in a project, drawn as a person sees it. */
export class TmuxTerminal {
  readonly #server: string;

  private constructor(server: string) {
    this.#server = server;
  }

  static async start(t: Pick<TestContext, 'after'>, { folder, env }: Project): Promise<TmuxTerminal> {
    const server = `agora-${randomBytes(6).toString('hex')}`;
    const terminal = new TmuxTerminal(server);
    t.after(() => terminal.#tmux('kill-server').catch(() => undefined)); // It ends with its last shell.
    const size = ['-x', '100', '-y', '30'];
    const words = ['-L', server, '-f', '/dev/null', 'new-session', '-d', ...size, '-c', folder];
    await run('tmux', [...words, "PS1='here> ' exec bash --norc --noprofile"], { env: { ...env, TERM: 'screen' } });
    await terminal.shows(/here> *$/);
    return terminal;
  }

  /** Keys as tmux names them: text, `Enter`, `C-c`. */
  async press(...keys: readonly string[]): Promise<void> {
    await this.#tmux('send-keys', ...keys);
  }

  async type(line: string): Promise<void> {
    await this.#tmux('send-keys', '-l', line);
    await this.press('Enter');
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux('resize-window', '-x', String(columns), '-y', String(rows));
  }

  /** As where its window is closed, or the connection to it is lost. */
  async hangUp(): Promise<void> {
    await this.#tmux('kill-server');
  }

  /** Its lines, without those at its end that are empty. */
  async screen(): Promise<string> {
    return (await this.#tmux('capture-pane', '-p', '-J')).trimEnd();
  }

  /** Waits until it shows this; fails with what it shows instead. */
  async shows(text: RegExp): Promise<RegExpExecArray> {
    const found = await waitUntil(String(text), async () => text.exec(await this.screen()), patience).catch(() => null);
    assert.ok(found !== null, `instead of ${text} it shows:\n${await this.screen()}`);
    return found;
  }

  async #tmux(...words: readonly string[]): Promise<string> {
    return (await run('tmux', ['-L', this.#server, ...words])).stdout;
  }
}
