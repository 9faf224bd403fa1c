import { execFile } from 'node:child_process';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { withDeadline } from '../base/deadline.ts';
import { AppError, systemErrorCode } from '../contracts/errors.ts';
import type { BaseFile } from './image-base.ts';

/** The Claude Code that is built into worker images: pinned, so that the same worker is the same everywhere. */
export const claudeCodeVersion = '2.1.330';

const installDeadlineMs = 10 * 60_000;

export interface InstallOptions {
  readonly onProgress?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Files of this machine for as long as they are needed; disposing removes them. */
export interface InstalledProgram extends AsyncDisposable {
  readonly files: readonly BaseFile[];
}

/** Fetches Claude Code from npm into a temporary folder. npm checks what it gets against the registry's digest. */
export async function installClaudeCode({ onProgress, signal }: InstallOptions): Promise<InstalledProgram> {
  const name = `@anthropic-ai/claude-code-linux-${process.arch}`;
  const folder = await mkdtemp(join(tmpdir(), 'agora-claude-code-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  onProgress?.(`Downloading ${name} ${claudeCodeVersion} from the npm registry (about 100 MB)`);
  try {
    await npmInstall(folder, `${name}@${claudeCodeVersion}`, signal);
    const from = join(folder, 'node_modules', name, 'claude');
    await access(from);
    return { files: [{ from, to: '/usr/local/bin/claude' }], [Symbol.asyncDispose]: remove };
  } catch (cause) {
    await remove();
    signal?.throwIfAborted();
    throw notInstalled(name, cause);
  }
}

async function npmInstall(folder: string, wanted: string, signal?: AbortSignal): Promise<void> {
  const quietly = ['--no-audit', '--no-fund', '--no-save', '--loglevel=error'];
  // Its scripts would run with this machine's rights; nothing of them is needed.
  const words = ['install', '--prefix', folder, '--ignore-scripts', ...quietly, wanted];
  await promisify(execFile)('npm', words, { cwd: folder, signal: withDeadline(installDeadlineMs, signal) });
}

function notInstalled(name: string, cause: unknown): AppError {
  const hasNoNpm = systemErrorCode(cause) === 'ENOENT';
  const state = hasNoNpm ? 'this machine has no npm' : 'npm could not install it';
  const next = hasNoNpm ? 'install npm, which comes with Node' : `npm view ${name}@${claudeCodeVersion}`;
  return new AppError('image-missing', `Cannot get "${name}@${claudeCodeVersion}": ${state}`, { cause, next });
}
