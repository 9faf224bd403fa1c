import { environmentNames } from '../../src/contracts/names.ts';
import { type Cable, cableTo } from './fleet-network.ts';
import {
  type PrivateEngine,
  type PrivateEngineOptions,
  privateEngineObstacle,
  startPrivateEngine,
} from './private-engine.ts';
import { leftToNpmTest } from './quick-tests.ts';
import { type SshServer, type SshServerOptions, sshServerObstacle, startSshServer } from './ssh-server.ts';

/** Another machine, as far as that of the test can tell: a network, an engine and an sshd of its own, at the end of a cable. */
export interface FarMachine {
  readonly engine: PrivateEngine;
  readonly server: SshServer;
  readonly cable: Cable;
  close(): Promise<void>;
}

export interface FarMachineOptions {
  readonly engine?: PrivateEngineOptions;
  readonly server?: Omit<SshServerOptions, 'place'>;
}

/** Why there can be none here; undefined when there can. */
export async function farMachineObstacle(): Promise<string | undefined> {
  const obstacle = (await privateEngineObstacle()) ?? (await sshServerObstacle());
  if (obstacle !== undefined && !leftToNpmTest && process.env[environmentNames.requireEngine] === '1')
    throw new Error(`Another machine is required (${environmentNames.requireEngine}=1): ${obstacle}`);
  return obstacle;
}

export async function startFarMachine(options: FarMachineOptions = {}): Promise<FarMachine> {
  const engine = await startPrivateEngine(options.engine);
  const ends = [() => engine.close()];
  const close = async () => {
    for (const end of ends.toReversed()) await end();
  };
  try {
    const cable = await cableTo(engine.namespace);
    const { env, ...others } = options.server ?? {};
    const after = (end?: unknown) => void ends.push(end as () => Promise<void>);
    const server = await startSshServer(
      { after },
      {
        ...others,
        env: { DOCKER_HOST: engine.host, PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ...env },
        place: { namespace: engine.namespace, address: cable.farAddress },
      },
    );
    return { engine, server, cable, close };
  } catch (error) {
    await close();
    throw error;
  }
}
