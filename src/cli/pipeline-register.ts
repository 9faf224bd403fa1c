import { exitCodes } from '../contracts/errors.ts';
import type { GivenPipeline } from '../registry/pipelines.ts';
import { defineCommand } from './command.ts';
import { readDefinitionFile } from './definition-file.ts';
import { openClient } from './open-client.ts';
import { configOption } from './open-orch.ts';
import { printRegistered } from './registry-kinds.ts';

export const pipelineRegister = defineCommand(
  {
    operands: ['<file>'],
    options: { config: configOption },
    details: [
      'The file is JSON or YAML: {schemaVersion: 1, id, blocks}. Blocks are agent (one), script {command, lens,',
      'timeoutSeconds} and capture {what: patch or outputs}, in the order they run.',
    ],
    examples: ['agora pipeline register checked-edit.yaml'],
  },
  async ({ operands, options }, context) => {
    const [file = ''] = operands;
    const { value } = (await readDefinitionFile(file, context.cwd)).document;
    const { client } = await openClient(options.config, context);
    // Its schema judges what the file holds.
    const registered = await client.pipeline.register(value as GivenPipeline);
    await printRegistered('pipeline', registered, context);
    return exitCodes.ok;
  },
);
