import { AppError, exitCodes } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { openServer, serverOptions } from './open-server.ts';
import { say } from './output.ts';
import { roleOf } from './role-word.ts';
import { countOf, secondsOf } from './time-word.ts';

export const tokenCreate = defineCommand(
  {
    operands: [],
    options: {
      label: { type: 'string', value: '<text>', summary: 'What it is for (default: made at the command line)' },
      ttl: {
        type: 'string',
        value: '<time>',
        summary: 'How long it is good: 45s, 90m, 12h, 30d (default: as the one at hand; with --join 1h)',
      },
      role: { type: 'string', value: '<role>', summary: 'The most it lets its user do: viewer, operator, admin' },
      user: { type: 'string', value: '<name>', summary: 'Whose it is; for an admin (default: yours)' },
      join: { type: 'boolean', summary: 'One that admits hosts, not a person' },
      uses: { type: 'string', value: '<n>', summary: 'How many hosts it admits, with --join (default: 1)' },
      ...serverOptions,
    },
    details: [
      'Prints the token: the only copy. Whoever has it is let in as its user, in their role or the lower one that is given.',
      'It reaches no further than the token it is made with: not past its end, nor its role. An admin may make any.',
    ],
    examples: [
      'agora token create --label ci --role viewer --ttl 30d',
      'agora token create --join --uses 20 --ttl 1h >join-token',
    ],
  },
  async ({ options }, context) => {
    const { stdout, stderr } = context;
    const ttlSeconds = options.ttl === undefined ? undefined : secondsOf('ttl', options.ttl);
    const isJoin = options.join === true;
    const personal = (['label', 'role', 'user'] as const).find((name) => options[name] !== undefined);
    if (isJoin && personal !== undefined) throw misused(`--${personal} is for a token of a person`);
    if (!isJoin && options.uses !== undefined) throw misused('--uses goes with --join');
    const uses = options.uses === undefined ? 1 : countOf('uses', options.uses);
    const client = await openServer(options, context);
    if (isJoin) {
      const { joinToken, tokenId } = await client.call('createJoinToken', {
        body: { uses, ...(ttlSeconds !== undefined && { ttlSeconds }) },
      });
      await say(
        stderr,
        `agora: ${tokenId} admits ${uses === 1 ? 'one host' : `${uses} hosts`}; give the agent its file: --join-token-file`,
      );
      await say(stdout, joinToken);
      return exitCodes.ok;
    }
    const label = options.label ?? 'made at the command line';
    const { token, tokenId, expiresAt } = await client.call('createToken', {
      body: {
        label,
        ...(ttlSeconds !== undefined && { ttlSeconds }),
        ...(options.role !== undefined && { role: roleOf(options.role) }),
        ...(options.user !== undefined && { user: options.user }),
      },
    });
    const until = expiresAt === undefined ? 'until it is revoked' : `until ${expiresAt}`;
    await say(stderr, `agora: ${tokenId}, good ${until}, shown this once`);
    await say(stdout, token);
    return exitCodes.ok;
  },
);

function misused(state: string): AppError {
  return new AppError('usage', `Cannot run "agora token create": ${state}`, { next: 'agora token create --help' });
}
