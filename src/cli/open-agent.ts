import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { Agent } from '../agent/agent.ts';
import type { AgentLog } from '../agent/agent-log.ts';
import type { AgentState } from '../agent/agent-state.ts';
import { readConfigFile } from '../agent/config-file.ts';
import { readMachineId } from '../agent/identity.ts';
import { imageOfContainer, isMounted, readSurroundings, type Surroundings } from '../agent/own-container.ts';
import { dockerLogins } from '../agent/registry-logins.ts';
import { StateFolder } from '../agent/state-folder.ts';
import { StateVolume } from '../agent/state-volume.ts';
import { untilAnswered } from '../agent/until-answered.ts';
import { undefinedIfMissing } from '../base/missing-file.ts';
import { AppError } from '../contracts/errors.ts';
import { dockerHostEngine } from '../engine/docker-host.ts';
import { dockerHostSessions } from '../engine/docker-host-sessions.ts';
import { type EngineEndpoint, parseEngineHost, resolveEngineEndpoint } from '../engine/endpoint.ts';
import type { HostEngine } from '../engine/host-engine.ts';
import { nodeFetch } from '../server-client/node-fetch.ts';
import { type AgentFlags, type CompleteConfig, completeConfig, configOfFlags, keepConfig } from './agent-config.ts';
import { type AgentPlaces, agentPlaces } from './agent-places.ts';
import type { CommandContext } from './command.ts';
import { dockerConfigFile } from './docker-config-file.ts';
import { oneLine } from './one-line.ts';
import { packageVersion } from './package-version.ts';

export interface AgentWish {
  readonly flags: AgentFlags;
  /** Default: `~/.config/trailer.dev/config.yml`. */
  readonly configFile?: string | undefined;
  readonly acceptServer?: string | undefined;
  /** Instead of one from a file. */
  readonly joinToken?: string | undefined;
  readonly log: AgentLog;
}

export interface OpenedAgent {
  readonly agent: Agent;
  readonly config: CompleteConfig;
  readonly places: AgentPlaces;
}

/** Of a line of its log. */
const lineLength = 4_000;
const usualSocket = 'unix:///var/run/docker.sock';

/** An agent with its engine, its state and its config, ready to run; undefined when it was stopped before. */
export async function openAgent(
  { flags, configFile, acceptServer, joinToken, log: ownLog }: AgentWish,
  context: Pick<CommandContext, 'env' | 'cwd' | 'stop'>,
): Promise<OpenedAgent | undefined> {
  const log = (text: string) => ownLog.line(oneLine(text, lineLength));
  const places = agentPlaces(context);
  const file = configFile ?? places.configFile;
  const typed = configOfFlags(flags, context.cwd);
  const first = completeConfig(typed, await readConfigFile(file));
  const endpoint = await endpointOf(first.engine, context);
  const engine = dockerHostEngine({ endpoint });
  const surroundings = await readSurroundings();
  const around = { engine, surroundings, log, signal: context.stop };
  const ownImage = await untilKnown(around);
  if (context.stop.aborted) return undefined;
  const state = await openState(places.stateFolder, ownImage, around);
  // Of this engine: in one of another's, all is as on a host.
  const isContainer = ownImage !== undefined;
  const config = completeConfig(
    typed,
    await keepConfig({ file, flags: typed, state: isContainer ? state : undefined, log }),
  );
  const agent = new Agent({
    serverUrl: config.server_url,
    fetch: nodeFetch({ proxyEnv: context.env['NODE_USE_ENV_PROXY'] === '1' ? context.env : undefined }),
    name: config.deployment_name,
    engine,
    sessions: dockerHostSessions({ endpoint }, { ownImage, log }),
    state,
    version: packageVersion(),
    joinToken: joinToken ?? (await readJoinToken(config.join_token_file, { state, log })),
    acceptServer,
    machineId: isContainer ? undefined : await readMachineId(),
    isContainer,
    ownImage,
    buildFolder: config.build_directory,
    deletesBuildContext: config.delete_build_context_after_build,
    registryLogins: dockerLogins({ file: dockerConfigFile(context), env: context.env }),
    log,
    ownLog,
  });
  return { agent, config, places };
}

async function endpointOf(named: string | undefined, { env }: Pick<CommandContext, 'env'>): Promise<EngineEndpoint> {
  if (named !== undefined) return parseEngineHost(named, '--engine');
  const found = await resolveEngineEndpoint({ env, homeDirectory: env['HOME'] || homedir() });
  // It need not be there yet: a host that starts may start the agent first.
  return found ?? parseEngineHost(usualSocket, 'the default');
}

interface Around {
  readonly engine: HostEngine;
  readonly surroundings: Surroundings;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

/** The image of the container that this runs in; undefined outside, and in one that the engine does not have. */
async function untilKnown({ engine, surroundings, log, signal }: Around): Promise<string | undefined> {
  const { containerId } = surroundings;
  if (containerId === undefined) return undefined;
  const look = () => imageOfContainer(engine, containerId, signal);
  return untilAnswered(look, { delayMs: 500, maxDelayMs: 5_000, signal, log });
}

/** A folder; that of a container is kept in a volume besides, unless something is mounted there. */
async function openState(folder: string, image: string | undefined, around: Around): Promise<AgentState> {
  const { engine, surroundings, log, signal } = around;
  const local = new StateFolder(folder);
  if (image === undefined || isMounted(folder, surroundings.mounts)) return local;
  const state = new StateVolume(local, { engine, image, log });
  await state.restore(signal);
  return state;
}

/** One that cannot be read is told to who starts the agent, unless the host is known already and needs none. */
async function readJoinToken(
  file: string | undefined,
  { state, log }: { readonly state: AgentState; readonly log: (line: string) => void },
): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const text = (await undefinedIfMissing(readFile(file, 'utf8')))?.trim();
  if (text !== undefined && text !== '') return text;
  const problem = `Cannot read join token file "${file}": ${text === undefined ? 'there is no such file' : 'it is empty'}`;
  if ((await state.read('host.json')) === undefined) {
    throw new AppError('invalid-config', problem, {
      next: 'Make a token on the server: agora token create --join. Or start without one and approve the host.',
    });
  }
  log(`${problem}; this host is known already`);
  return undefined;
}
