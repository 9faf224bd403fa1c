import { exitCodes } from '../contracts/errors.ts';
import { type CommandContext, defineCommand } from './command.ts';
import { commands } from './commands.ts';
import { completeOperand, nextCommandWords } from './complete-words.ts';

export const complete = defineCommand(
  {
    operands: ['[words...]'],
    options: {},
    details: ['For the scripts of agora completion: what may come next after these words, one on each line.'],
    examples: ['agora complete -- host lo'],
  },
  async ({ operands }, context) => {
    const found = await completions(operands, context);
    await context.stdout.write(found.map((word) => `${word}\n`).join(''));
    return exitCodes.ok;
  },
);

async function completions(words: readonly string[], context: CommandContext): Promise<readonly string[]> {
  const begun = words.at(-1) ?? '';
  const next = nextCommandWords(Object.keys(commands), words.slice(0, -1), begun);
  if (next.length > 0) return next;
  for (const length of [3, 2, 1]) {
    if (words.length <= length) continue;
    const name = words.slice(0, length).join(' ');
    const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (entry === undefined) continue;
    const completion = completeOperand((await entry.load()).spec, words.slice(length));
    if (completion.kind === 'words') return completion.words;
    // Who is not signed in, or whose server is away, types it.
    if (completion.kind !== 'places') return [];
    // Loaded only for names: what asks a server takes as long to load as all else.
    const { placesBegun } = await import('./complete-places.ts');
    return await placesBegun(completion.places, begun, context).catch(() => []);
  }
  return [];
}
