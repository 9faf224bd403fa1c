import { AppError, exitCodes } from '../contracts/errors.ts';
import { type CommandContext, defineCommand } from './command.ts';
import { isLoopback } from './listen-address.ts';
import { serverOptions } from './open-server.ts';
import { say } from './output.ts';
import { type ProxiedPort, portWord } from './port-word.ts';
import { ProxyListener } from './proxy-listener.ts';
import { openSessions, type ServerSessions } from './server-sessions.ts';
import { SessionTalk } from './session-talk.ts';
import { expectWorkspace, type WorkspaceWord, workspaceWord } from './workspace-place.ts';

export const hostProxy = defineCommand(
  {
    operands: ['<host/workspace>', '<port[:local]...>'],
    options: {
      listen: {
        type: 'string',
        value: '<address>',
        summary: 'Address of this machine to listen on (default: 127.0.0.1)',
      },
      url: { type: 'boolean', summary: 'Print an address of the server for a browser instead; it opens once' },
      ...serverOptions,
    },
    details: [
      'Connections to a port of this machine go to one of a workspace, which need not be published, until Ctrl-C.',
      'Without a local port it is the same; 0 is one that is free. Connections outlast a link that is lost for a while.',
      'With --url nothing listens here: the server has HTTP and WebSockets of the port at an address of its own.',
    ],
    examples: [
      'agora host proxy gpu-box-1/web 80:8080',
      'agora host proxy gpu-box-1/web 80:0 5432',
      'agora host proxy gpu-box-1/web 80 --url',
    ],
  },
  async ({ operands: [typed = '', ...words], options }, context) => {
    const word = workspaceWord(typed);
    const ports = words.map(portWord);
    const address = options.listen ?? '127.0.0.1';
    // To Node it is all of them.
    if (address.trim() === '') throw new AppError('usage', `Cannot listen on "${address}": it is no address`);
    const sessions = await openSessions(options, context);
    const run = options.url === true ? printUrls : listen;
    return await sessions.during(() => run(sessions, { word, ports, address }, context));
  },
);

interface Wanted {
  readonly word: WorkspaceWord;
  readonly ports: readonly ProxiedPort[];
  readonly address: string;
}

/** Until a signal. */
async function listen(
  sessions: ServerSessions,
  { word, ports, address }: Wanted,
  context: CommandContext,
): Promise<number> {
  const { stop, stdout, stderr } = context;
  const host = await expectWorkspace(sessions.client, word);
  // Whoever may not is told now, and not with the first connection.
  await sessions.connect(stop);
  const talk = new SessionTalk({ output: stderr });
  const place = { host, workspace: word.workspace };
  const listeners = ports.map((port) => new ProxyListener({ ...place, port, address, sessions, talk }));
  try {
    for (const listener of listeners) await say(stdout, await listener.start());
    if (!isLoopback(address))
      talk.say(`it listens on ${address}: whoever reaches this machine there reaches the workspace`);
    await new Promise<void>((resolve) => {
      stop.addEventListener('abort', () => resolve(), { once: true });
      if (stop.aborted) resolve();
    });
    return exitCodes.interrupted;
  } finally {
    for (const listener of listeners) listener.close();
    talk.close();
  }
}

async function printUrls(
  { client }: ServerSessions,
  { word, ports }: Wanted,
  { stdout }: CommandContext,
): Promise<number> {
  const host = await expectWorkspace(client, word);
  for (const { port, local } of ports) {
    if (local !== port) throw new AppError('usage', `Cannot use "${port}:${local}" with --url: nothing listens here`);
    const body = { workspace: word.workspace, port, server: client.url };
    const { url } = await client.call('createProxyUrl', { params: { host }, body });
    await say(stdout, url);
  }
  return exitCodes.ok;
}
