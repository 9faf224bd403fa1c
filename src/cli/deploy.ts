import { AppError, exitCodes } from '../contracts/errors.ts';
import { planDeploy } from '../registry/deploy.ts';
import type { PlacedProblem } from '../registry/deploy-manifest.ts';
import { applyChanges, registryPorts } from './apply-changes.ts';
import { defineCommand } from './command.ts';
import { readDefinitionFile } from './definition-file.ts';
import { openClient } from './open-client.ts';
import { configOption } from './open-orch.ts';
import { dryRunOption } from './print-changes.ts';
import { problemCount } from './problem-count.ts';
import { requiredOption } from './required-option.ts';

export const deploy = defineCommand(
  {
    operands: [],
    options: {
      from: { type: 'string', value: '<file>', summary: 'The manifest, YAML or JSON' },
      'dry-run': dryRunOption,
      config: configOption,
    },
    details: [
      'The manifest holds capabilities [{name, from}], subagents, envs [{name, values, secrets}] and pipelines; from is',
      'relative to it. Everything is checked and stored first, then all of it is registered or nothing. Doing it again',
      'changes nothing, and completes what a crash cut off.',
    ],
    examples: ['agora deploy --from manifest.yaml --dry-run', 'agora deploy --from manifest.yaml'],
  },
  async ({ options }, context) => {
    const typed = requiredOption('deploy', 'from', options.from);
    const file = await readDefinitionFile(typed, context.cwd);
    const { client } = await openClient(options.config, context);
    const ports = registryPorts(client);
    const plan = await planDeploy(ports, file);
    if (plan.kind === 'invalid') throw invalidManifest(typed, plan.problems);
    await applyChanges(ports, plan, { isDryRun: options['dry-run'] === true, context });
    return exitCodes.ok;
  },
);

function invalidManifest(file: string, problems: readonly PlacedProblem[]): AppError {
  const inOrder = problems.toSorted((left, right) => left.place.line - right.place.line);
  const lines = inOrder.map(({ place, message }) => `  ${file}:${place.line}:${place.column}: ${message}`);
  return new AppError(
    'invalid-input',
    `Cannot deploy "${file}": ${problemCount(problems)}, nothing was registered\n${lines.join('\n')}`,
  );
}
