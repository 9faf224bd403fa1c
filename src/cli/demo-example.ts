import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { shellWord } from '../base/shell-word.ts';
import { packageRoot } from '../config/package-root.ts';
import { AppError } from '../contracts/errors.ts';
import type { RunId } from '../contracts/ids.ts';

/** The example the demo runs. */
export const exampleFolder = join(packageRoot, 'examples', 'offload-fanout');
const fixture = 'fixture';

/** `demo-mg3k2x`: another one each second. */
export function demoRunId(now: number): string {
  return `demo-${Math.floor(now / 1000).toString(36)}`;
}

/** Refuses to run when `orch apply` was used before: then there is nothing left to edit. */
export function checkFixture(folder: string): void {
  const edited = readdirSync(join(folder, fixture))
    .filter((name) => name.endsWith('.ts'))
    .filter((name) => !readFileSync(join(folder, fixture, name), 'utf8').includes('OLD_NAME'));
  if (edited.length === 0) return;
  const files = edited.map((name) => `${fixture}/${name}`).join(', ');
  throw new AppError('usage', `Cannot run the demo: the example carries its edits already, in ${files}`, {
    next: `git -C ${shellWord(folder)} checkout -- ${fixture}`,
  });
}

export interface NextCommandsOptions {
  readonly runId: RunId;
  /** The item whose patch is shown. */
  readonly item: string;
  readonly folder: string;
  readonly path: string;
}

/** What to try after the demo; works when pasted in a POSIX shell. The last one takes the edits back. */
export function nextCommands(options: NextCommandsOptions): string[] {
  const { runId, item, folder, path } = options;
  return [
    ...(isOnPath(path) ? [] : [`export PATH=${shellWord(join(packageRoot, 'bin'))}:"$PATH"`]),
    `cd ${shellWord(folder)}`,
    `agora orch patch ${runId} ${item}`,
    `agora orch apply ${runId}`,
    `agora orch audit ${runId} --out bundle.json`,
    'agora verify bundle.json',
    `git checkout -- ${fixture}`,
  ];
}

/** npm puts its own folders on the path of what it runs; the user's shell does not have them. */
function isOnPath(path: string): boolean {
  return path
    .split(delimiter)
    .filter((folder) => folder !== '' && !folder.includes('node_modules'))
    .some((folder) => existsSync(join(folder, 'agora')));
}
