import { relative } from 'node:path';
import { shellWord } from '../base/shell-word.ts';
import { exitCodes } from '../contracts/errors.ts';
import { stateFolderName } from '../contracts/names.ts';
import { defineCommand } from './command.ts';
import { starterFiles, starterNames } from './init-files.ts';
import { changedIgnores, ignoreFileName } from './init-ignore.ts';
import { type Look, lookAt } from './init-look.ts';
import { findPlace, type InitPlace, newBranch } from './init-place.ts';
import { refuseTaken, writeAllOrNone } from './init-write.ts';
import { say } from './output.ts';

export const init = defineCommand(
  {
    operands: ['[dir]'],
    options: {
      force: { type: 'boolean', summary: 'Replace files that are there already' },
    },
    details: [
      'Writes a config, a plan of three items for this repository, and the tasks they run: an inventory, a list of what',
      'is marked as open, and a check of both. The plan runs as it is, without a key or a network.',
      "Without <dir> the files go to the repository's root, or into the current folder outside of one.",
    ],
    examples: ['agora init', 'agora init packages/api'],
  },
  async ({ operands, options }, context) => {
    const place = await findPlace(operands[0], context.cwd);
    const look = await lookAt(place.folder, Object.values(starterNames));
    const files = await starterFiles(look);
    await refuseTaken(place.folder, files, options.force === true);
    const ignores = await changedIgnores(place, neededInRuns(files, look), look.hidden);
    await say(context.stderr, `agora: ${place.folder}${place.isAbove ? ' (the root of this repository)' : ''}`);
    for (const line of describeLook(look)) await say(context.stderr, `  ${line}`);

    const all = ignores === undefined ? files : new Map([...files, [ignoreFileName, ignores.text]]);
    for (const { name, isNew } of await writeAllOrNone(place.folder, all)) {
      if (name === ignoreFileName) await say(context.stdout, `added ${ignores?.lines.join(', ')} to ${name}`);
      else await say(context.stdout, isNew ? `wrote ${name}` : `${name} is there already, and the same`);
    }
    const branch = await newBranch(place, look.runId);
    for (const line of nextCommands({ place, look, branch, cwd: context.cwd })) await say(context.stderr, line);
    return exitCodes.ok;
  },
);

/** What a worker reads, and what comes back: an ignore rule must hide none of it. */
function neededInRuns(files: ReadonlyMap<string, string>, { source, products }: Look): string[] {
  return [...files.keys(), ...Object.values(products).map((name) => (source === '.' ? name : `${source}/${name}`))];
}

function describeLook(look: Look): string[] {
  const languages = look.languages.slice(0, 4).map(({ name, files }) => `${name} (${files})`);
  const projects = look.projects.slice(0, 4);
  const more = look.projects.length > projects.length ? ` and ${look.projects.length - projects.length} more` : '';
  return [
    `${look.fileCount} ${look.fileCount === 1 ? 'file' : 'files'}${languages.length === 0 ? '' : `: ${languages.join(', ')}`}`,
    ...(projects.length === 0 ? [] : [`built by ${projects.join(', ')}${more}`]),
    ...look.notes,
  ];
}

interface Next {
  readonly place: InitPlace;
  readonly look: Look;
  readonly branch: string | undefined;
  readonly cwd: string;
}

function nextCommands({ place, look: { runId }, branch, cwd }: Next): string[] {
  const way = relative(cwd, place.folder);
  const onBranch = branch === undefined ? '' : `git switch -c ${branch} && `;
  return [
    '',
    'Next:',
    ...(way === '' ? [] : [`  cd ${shellWord(way)}`]),
    '  agora orch serve &',
    `  agora orch submit plan.json && agora orch watch ${runId} --tree`,
    `  ${onBranch}agora orch apply ${runId}`,
    `State will lie in ${stateFolderName}/; "kill %1" stops the daemon.`,
  ];
}
