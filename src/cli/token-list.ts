import { exitCodes } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { jsonText } from './json-text.ts';
import { openServer, serverOptions } from './open-server.ts';
import { say } from './output.ts';
import { printTable } from './print-table.ts';

export const tokenList = defineCommand(
  {
    operands: [],
    options: {
      join: { type: 'boolean', summary: 'Those that admit hosts instead' },
      json: { type: 'boolean', summary: 'Print JSON' },
      ...serverOptions,
    },
    details: [
      'One line each, with tabs between: id, user, label, made, last used, expires, role if less than its user has, made with.',
      'An admin sees those of all. With --join: id, made by, made, expires, uses left. Nobody keeps the tokens themselves.',
    ],
    examples: ['agora token list', 'agora token list --join --json'],
  },
  async ({ options }, context) => {
    const client = await openServer(options, context);
    const { stdout, stderr } = context;
    if (options.join === true) {
      const { joinTokens } = await client.call('listJoinTokens', {});
      if (options.json === true) await say(stdout, jsonText(joinTokens, 2));
      else if (joinTokens.length === 0)
        await say(stderr, 'agora: there are no join tokens; next: agora token create --join');
      const rows = joinTokens.map(({ tokenId, createdBy, createdAt, expiresAt, usesLeft }) => [
        tokenId,
        createdBy,
        createdAt,
        expiresAt,
        String(usesLeft),
      ]);
      if (options.json !== true && rows.length > 0)
        await printTable(stdout, ['id', 'made by', 'made', 'expires', 'uses left'], rows);
      return exitCodes.ok;
    }
    const { tokens } = await client.call('listTokens', {});
    if (options.json === true) await say(stdout, jsonText(tokens, 2));
    else {
      const rows = tokens.map(
        ({ tokenId, user, label, createdAt, lastUsedAt = '', expiresAt = '', role = '', madeWith = '' }) => [
          tokenId,
          user,
          label,
          createdAt,
          lastUsedAt,
          expiresAt,
          role,
          madeWith,
        ],
      );
      await printTable(stdout, ['id', 'user', 'label', 'made', 'last used', 'expires', 'role', 'made with'], rows);
    }
    return exitCodes.ok;
  },
);
