import { exitCodes } from '../contracts/errors.ts';
import { nodeFetch } from '../server-client/node-fetch.ts';
import { type CommandContext, defineCommand } from './command.ts';
import { commands } from './commands.ts';
import { completeOperand, nextCommandWords, type Places } from './complete-words.ts';
import { clientWith, serverAccess } from './open-server.ts';
import { workspacesOf } from './workspace-place.ts';

/** A person waits with a finger on a key. */
const serverMs = 1_000;
/** Of which a shell may show anything. */
const plainName = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

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
    if (completion.kind === 'places') return await placesBegun(completion.places, begun, context).catch(() => []);
    return [];
  }
  return [];
}

async function placesBegun(places: Places, begun: string, context: CommandContext): Promise<readonly string[]> {
  const { url, token } = await serverAccess({}, context);
  // Not the global one, which takes as long to load as all else.
  const client = clientWith(url, token, { fetch: nodeFetch() });
  const signal = AbortSignal.timeout(serverMs);
  const [host = '', rest] = begun.split(/\/(.*)/s);
  if (places === 'hosts' || rest === undefined) {
    const { hosts } = await client.call('listHosts', {}, { signal });
    const end = places === 'hosts' ? '' : '/';
    const names = hosts.map(({ name }) => name).filter((name) => plainName.test(name) && name.startsWith(host));
    return names.map((name) => `${name}${end}`);
  }
  const end = places === 'paths' ? ':' : '';
  const names = (await workspacesOf(client, host, signal)).filter(
    (name) => plainName.test(name) && name.startsWith(rest),
  );
  return names.map((name) => `${host}/${name}${end}`);
}
