import { AppError, exitCodes } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { completionScripts, isShell, shells } from './completion-scripts.ts';

export const completion = defineCommand(
  {
    operands: ['<bash|zsh|fish>'],
    choices: shells,
    options: {},
    details: [
      'Prints a script that completes commands, their options, and names of hosts and workspaces, which it asks the server for.',
      'Where the server does not answer within a second, those are not completed.',
    ],
    examples: ['agora completion bash', 'agora completion zsh', 'agora completion fish'],
  },
  async ({ operands: [typed = ''] }, { stdout }) => {
    if (!isShell(typed)) {
      throw new AppError('usage', `Cannot complete in "${typed}": it is not one of ${shells.join(', ')}`);
    }
    await stdout.write(completionScripts[typed]);
    return exitCodes.ok;
  },
);
