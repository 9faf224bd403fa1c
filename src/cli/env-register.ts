import { exitCodes } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { openClient } from './open-client.ts';
import { configOption } from './open-orch.ts';
import { printRegistered } from './registry-kinds.ts';
import { requiredOption } from './required-option.ts';
import { readSecrets, readValues, secretOption, valueOption } from './secret-words.ts';

const command = 'env register';

export const envRegister = defineCommand(
  {
    operands: [],
    options: {
      name: { type: 'string', value: '<name>', summary: 'Its name' },
      value: valueOption,
      secret: secretOption,
      config: configOption,
    },
    details: [
      'inline: and stdin: are kept in the secret store of this project, and only their ref is registered. The other',
      'kinds are resolved when a dispatch starts, on the machine that starts it.',
    ],
    examples: [
      'agora env register --name minimal --value LOG_LEVEL=info --secret ANTHROPIC_API_KEY=inline:$ANTHROPIC_API_KEY',
      'agora env register --name minimal --secret ANTHROPIC_API_KEY=stdin: < key.txt',
    ],
  },
  async ({ options }, context) => {
    const name = requiredOption(command, 'name', options.name);
    const values = readValues(command, options.value);
    const secrets = await readSecrets(command, options.secret, context);
    const { client } = await openClient(options.config, context);
    await printRegistered('env', await client.env.register({ name, values, secrets }), context);
    return exitCodes.ok;
  },
);
