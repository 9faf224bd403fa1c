import { AppError, exitCodes } from '../contracts/errors.ts';
import type { Host } from '../contracts/fleet.ts';
import { askLine } from './ask-person.ts';
import { type CommandContext, defineCommand } from './command.ts';
import { findHost } from './find-host.ts';
import { oneLine } from './one-line.ts';
import { openServer, serverOptions } from './open-server.ts';
import { say } from './output.ts';

const lineLength = 1_000;

export const hostApprove = defineCommand(
  {
    operands: ['<host>', '[fingerprint]'],
    options: {
      replaces: {
        type: 'string',
        value: '<host>',
        summary: 'It takes the place of this one: its name, its spec, what it owns',
      },
      ...serverOptions,
    },
    details: [
      'Admits a host that waits, or one that was held back. The fingerprint is the one its agent prints at its start: it is',
      'asked for on a terminal, and another key than the one you looked at is not admitted.',
    ],
    examples: [
      'agora host approve gpu-box-1 abcd-efgh-ijkl-mnop',
      'agora host approve gpu-box-1-2 --replaces gpu-box-1',
    ],
  },
  async ({ operands: [word = '', typed], options }, context) => {
    const client = await openServer(options, context);
    const host = await findHost(client, word);
    const replaced = options.replaces === undefined ? undefined : await findHost(client, options.replaces);
    const fingerprint = normalized(typed ?? (await askedFingerprint(host, context)));
    const admitted = await client.call('approveHost', {
      params: { host: host.hostId },
      body: { fingerprint, ...(replaced !== undefined && { replaces: replaced.hostId }) },
    });
    const place = replaced === undefined ? '' : `, in the place of its former key`;
    await say(context.stderr, `agora: ${admitted.name} is admitted${place}`);
    return exitCodes.ok;
  },
);

async function askedFingerprint(host: Host, context: CommandContext): Promise<string> {
  const { name, fingerprint, address, enrolledAt } = host;
  await say(
    context.stderr,
    oneLine(`${name} from ${address}, registered at ${enrolledAt}, has the fingerprint ${fingerprint}`, lineLength),
  );
  const typed = await askLine('Type the fingerprint that its agent prints: ', context);
  if (typed !== undefined && typed !== '') return typed;
  throw new AppError('usage', `Cannot approve host "${name}": no fingerprint is given`, {
    next: `If its agent prints ${fingerprint} as well: agora host approve ${name} ${fingerprint}`,
  });
}

/** As people type it: in any case, with or without dashes. */
function normalized(typed: string): string {
  const bare = typed.toLowerCase().replace(/[\s-]/g, '');
  return bare.length === 16 ? (bare.match(/.{4}/g) ?? []).join('-') : typed;
}
