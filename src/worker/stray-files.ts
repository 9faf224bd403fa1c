import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { inNames, worktreeNames } from '../contracts/names.ts';
import { isFolder } from './agora-folder.ts';

/** Names in the folders of a worktree that hold what was handed in: they are in no patch. */
export function handedNames(workspace: string): ReadonlySet<string> {
  return new Set(
    [inNames.inputs, worktreeNames.folder].flatMap((folder) => {
      const place = join(workspace, folder);
      return isFolder(place) ? readdirSync(place).map((name) => `${folder}/${name}`) : [];
    }),
  );
}

/** What came to those folders since, but the question, which is read: it is lost, and has to be told. */
export function strayNames(workspace: string, before: ReadonlySet<string>): string[] {
  const question = `${worktreeNames.folder}/${worktreeNames.question}`;
  return [...handedNames(workspace)].filter((name) => !before.has(name) && name !== question).sort();
}
