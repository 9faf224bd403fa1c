import { join, resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { AgentLog } from '../agent/agent-log.ts';
import { agentConfigDefaults } from '../agent/config-file.ts';
import { LogFiles } from '../agent/log-files.ts';
import { makePrivateFolder } from '../base/atomic-file.ts';
import { AppError, exitCodes, isAppError } from '../contracts/errors.ts';
import { takeServeLock } from '../orchestrator/serve-lock.ts';
import { agentPlaces } from './agent-places.ts';
import { type CommandContext, defineCommand } from './command.ts';
import { type AgentWish, openAgent } from './open-agent.ts';
import { say } from './output.ts';

export const agent = defineCommand(
  {
    operands: [],
    options: {
      'server-url': {
        type: 'string',
        value: '<url>',
        short: 'S',
        summary: `Address of the server (default: ${agentConfigDefaults.server_url})`,
      },
      'deployment-name': {
        type: 'string',
        value: '<name>',
        short: 'D',
        summary: 'Name of this host in the server (default: the host name)',
      },
      'build-directory': {
        type: 'string',
        value: '<folder>',
        short: 'b',
        summary: `Where images are built (default: ${agentConfigDefaults.build_directory})`,
      },
      'log-directory': { type: 'string', value: '<folder>', summary: 'Where log files go (default: XDG state)' },
      'log-max-size': {
        type: 'string',
        value: '<bytes>',
        summary: `Of all log files together (default: ${agentConfigDefaults.log_max_size})`,
      },
      'config-file': {
        type: 'string',
        value: '<file>',
        short: 'C',
        summary: 'Its config (default: ~/.config/trailer.dev/config.yml, written at the first start)',
      },
      'join-token-file': { type: 'string', value: '<file>', summary: 'Admits this host at once' },
      engine: { type: 'string', value: '<url>', summary: 'unix:///path of the engine (default: as docker finds it)' },
      'accept-server': {
        type: 'string',
        value: '<fingerprint>',
        summary: 'Belong to this server from now on, though another one was known',
      },
    },
    details: [
      'Keeps this host as its server declares it, until SIGINT or SIGTERM; what runs on the host goes on without it.',
      'Without a join token the host waits until an admin of the server approves it.',
    ],
    examples: ['agora agent -S https://server:8090 --join-token-file join-token', 'agora agent -C agent.yml'],
  },
  async ({ options }, context) => {
    process.umask(0o077); // Its folders may be some that others can look into.
    setFlagsFromString('--optimize-for-size'); // It mostly waits: memory counts more than speed.
    const lock = await lockState(agentPlaces(context).stateFolder);
    try {
      const { 'config-file': configFile, 'accept-server': acceptServer, ...flags } = options;
      await keepHost({ flags, configFile: configFile && resolve(context.cwd, configFile), acceptServer }, context);
    } finally {
      lock.release();
    }
    return exitCodes.ok;
  },
);

async function keepHost(wish: Omit<AgentWish, 'log'>, context: CommandContext): Promise<void> {
  const log = new AgentLog((line) => void say(context.stderr, line));
  const opened = await openAgent({ ...wish, log }, context);
  if (opened === undefined) return;
  const { places, config, agent: opens } = opened;
  const files = new LogFiles({
    folder: config.log_directory ?? places.logFolder,
    maxTotalBytes: config.log_max_size,
  });
  log.keepIn(files);
  try {
    await opens.run(context.stop);
    log.line('The agent ends; what runs here goes on');
  } finally {
    files.close();
  }
}

/** Two agents with one state would be taken for a clone of each other. */
async function lockState(folder: string) {
  await makePrivateFolder(folder);
  try {
    return takeServeLock(join(folder, 'agent.lock'));
  } catch (cause) {
    if (isAppError(cause, 'disk-full')) {
      const next = 'Free some space, and start the agent again.';
      throw new AppError('disk-full', `Cannot use state folder "${folder}": no space left on its disk`, {
        cause,
        next,
      });
    }
    if (!isAppError(cause, 'daemon-running')) throw cause;
    const holder = cause.message.split('": ').at(-1);
    throw new AppError('daemon-running', `Cannot use state folder "${folder}": an agent has it, ${holder}`, {
      cause,
      next: 'Stop that one first, or set XDG_STATE_HOME.',
    });
  }
}
