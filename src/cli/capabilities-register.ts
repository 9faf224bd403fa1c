import { resolve } from 'node:path';
import { exitCodes } from '../contracts/errors.ts';
import { readCapabilityFolder } from '../registry/capability-folder.ts';
import { defineCommand } from './command.ts';
import { openClient } from './open-client.ts';
import { configOption } from './open-orch.ts';
import { printRegistered } from './registry-kinds.ts';
import { requiredOption } from './required-option.ts';

export const capabilitiesRegister = defineCommand(
  {
    operands: [],
    options: {
      name: { type: 'string', value: '<name>', summary: 'Its name' },
      from: { type: 'string', value: '<folder>', summary: 'The folder whose files it holds' },
      config: configOption,
    },
    details: [
      'Its files are laid over the worktree before a subagent starts; agora-setup.sh at its top is run first.',
      'Refused are links, special files, what looks like a credential, and more than 50 MiB.',
    ],
    examples: ['agora capabilities register --name hello-cap --from caps/hello-cap'],
  },
  async ({ options }, context) => {
    const name = requiredOption('capabilities register', 'name', options.name);
    const folder = resolve(context.cwd, requiredOption('capabilities register', 'from', options.from));
    const files = await readCapabilityFolder(folder);
    const { client } = await openClient(options.config, context);
    await printRegistered('capabilities', await client.capabilities.register({ name, files }), context);
    return exitCodes.ok;
  },
);
