import { AppError, exitCodes } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { matchId } from './match-id.ts';
import { openServer, serverOptions } from './open-server.ts';
import { say } from './output.ts';

const idOf = ({ tokenId }: { readonly tokenId: string }) => tokenId;

export const tokenRevoke = defineCommand(
  {
    operands: ['<id>'],
    options: { join: { type: 'boolean', summary: 'It is one that admits hosts' }, ...serverOptions },
    details: ['Its id, or the beginning of it that no other has. Hosts that a join token let in stay.'],
    examples: ['agora token revoke t-0f3c', 'agora token revoke --join t-91'],
  },
  async ({ operands: [word = ''], options }, context) => {
    // The beginning of every id: with one token left it would be meant, and be the one at hand.
    if (/^t?-?$/.test(word)) throw new AppError('usage', `Cannot tell which token "${word}" is: all of them begin so`);
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
    await client.call('revokeToken', { params: { tokenId } });
    await say(context.stderr, `agora: ${tokenId} of ${user} lets nobody in any more`);
    return exitCodes.ok;
  },
);
