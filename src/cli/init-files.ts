import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../config/package-root.ts';
import type { Look } from './init-look.ts';

export const starterNames = { config: 'agora.config.mjs', plan: 'plan.json', tasks: 'agora-tasks.mjs' } as const;

const openWords = ['TODO', 'FIXME', 'XXX', 'HACK'];

/** What `agora init` writes, by path below the folder. */
export async function starterFiles(look: Look): Promise<ReadonlyMap<string, string>> {
  const tasks = await readFile(join(packageRoot, 'examples', 'init', starterNames.tasks), 'utf8');
  return new Map([
    [starterNames.config, configText(look)],
    [starterNames.plan, `${JSON.stringify(planOf(look), undefined, 2)}\n`],
    // Workers see the source alone, so what they run has to lie in it.
    [look.source === '.' ? starterNames.tasks : `${look.source}/${starterNames.tasks}`, tasks],
  ]);
}

const configOpening = [
  '// What agora may run on this repository; written by "agora init", yours to change.',
  "import { defineConfig } from 'agora-offload';",
  '',
  'export default defineConfig({',
].join('\n');

function configText({ source, diskMb }: Look): string {
  const defaults =
    diskMb === undefined
      ? ''
      : `  // The files and what is made of them have to fit into a worker.\n  defaults: { resources: { diskMb: ${diskMb} } },\n`;
  return `${configOpening}
  // Every run starts from a copy of these files, without what .gitignore hides.
  source: ${literal(source)},
  // A patch that touches a file its item did not lock fails the item.
  enforceLocks: true,
${defaults}  subagents: {
    inventory: { command: ['node', '${starterNames.tasks}', 'inventory'] },
    'open-tasks': { command: ['node', '${starterNames.tasks}', 'open-tasks'] },
    check: { command: ['node', '${starterNames.tasks}', 'check'] },
    // A coding agent. It needs a key: agora env register --name keys --secret ANTHROPIC_API_KEY=env:ANTHROPIC_API_KEY
    // and in the plan "inputs": { "subagent": "fixer", "env": ["keys"], "workerInput": { "place": "src/a.ts:12" } }
    // fixer: { runtime: 'claude-code', promptTemplate: 'Do what the comment at {{place}} asks for, and remove it.' },
  },
});
`;
}

function literal(text: string): string {
  return /^[\w. /-]+$/.test(text) ? `'${text}'` : JSON.stringify(text);
}

function planOf({ runId, title, languages, products }: Look): object {
  const written = [products.inventory, products.openTasks];
  const inventory = {
    file: products.inventory,
    written,
    title,
    languages: Object.fromEntries(languages.map(({ extension, name }) => [extension, name])),
  };
  const openTasks = { file: products.openTasks, written, title, words: openWords };
  return {
    id: runId,
    items: [
      {
        id: 'inventory',
        inputs: { subagent: 'inventory', workerInput: inventory },
        resourceLocks: [inventory.file],
      },
      {
        id: 'open-tasks',
        inputs: { subagent: 'open-tasks', workerInput: openTasks },
        resourceLocks: [openTasks.file],
      },
      {
        id: 'check',
        inputs: { subagent: 'check', workerInput: { inventory, openTasks } },
        depends_on: ['inventory', 'open-tasks'],
      },
    ],
  };
}
