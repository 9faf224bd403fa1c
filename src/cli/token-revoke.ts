import { AppError, exitCodes } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { matchId } from './match-id.ts';
import { oneLine } from './one-line.ts';
import { openServer, serverOptions } from './open-server.ts';
import { say } from './output.ts';

/** Of one on a line. */
const labelLength = 128;
const idOf = ({ tokenId }: { readonly tokenId: string }) => tokenId;

export const tokenRevoke = defineCommand(
  {
    operands: ['<id>'],
    options: {
      join: { type: 'boolean', summary: 'It is one that admits hosts' },
      'keep-made': { type: 'boolean', summary: 'Keep the tokens that were made with it' },
      ...serverOptions,
    },
    details: [
      'Its id, or the beginning of it that no other has. Hosts that a join token let in stay.',
      'The tokens that its user made with it end too, and are told: whoever stole one may have made others. An admin’s for',
      'another user stay.',
    ],
    examples: ['agora token revoke t-0f3c', 'agora token revoke t-0f3c --keep-made', 'agora token revoke --join t-91'],
  },
  async ({ operands: [word = ''], options }, context) => {
    // The beginning of every id: with one token left it would be meant, and be the one at hand.
    if (/^t?-?$/.test(word)) throw new AppError('usage', `Cannot tell which token "${word}" is: all of them begin so`);
    if (options.join === true && options['keep-made'] === true)
      throw new AppError('usage', 'Cannot run "agora token revoke": --keep-made is for a token of a person');
    const client = await openServer(options, context);
    if (options.join === true) {
      const { joinTokens } = await client.call('listJoinTokens', {});
      const { tokenId } = matchId(word, joinTokens, { idOf, kind: 'join token' });
      await client.call('revokeJoinToken', { params: { tokenId } });
      await say(context.stderr, `agora: ${tokenId} admits nobody any more`);
      return exitCodes.ok;
    }
    const { tokens } = await client.call('listTokens', {});
    const { tokenId, user } = matchId(word, tokens, { idOf, kind: 'token' });
    const query = { made: options['keep-made'] === true ? ('keep' as const) : ('revoke' as const) };
    const { revoked } = await client.call('revokeToken', { params: { tokenId }, query });
    await say(context.stderr, `agora: ${tokenId} of ${user} lets nobody in any more`);
    for (const made of revoked.slice(1))
      await say(
        context.stderr,
        `agora: nor does ${made.tokenId} ("${oneLine(made.label, labelLength)}"), which was made with it`,
      );
    return exitCodes.ok;
  },
);
