import { engineForTests } from '../../test/support/engine.ts';
import { registryObstacle } from '../../test/support/loopback-registry.ts';
import { podmanObstacle, startPodmanEngine } from '../../test/support/podman-engine.ts';
import { dockerHostEngine } from './docker-host.ts';
import { parseEngineHost } from './endpoint.ts';
import { hostEngineRegistrySuite } from './host-engine-registry.suite.ts';

const { engine, skip } = await engineForTests();
const obstacle = await registryObstacle();

hostEngineRegistrySuite(
  'Docker',
  async () => {
    const endpoint = parseEngineHost(engine?.address ?? '', 'test');
    return { engine: dockerHostEngine({ endpoint }), endpoint, close: async () => {} };
  },
  { skip: skip || obstacle },
);

hostEngineRegistrySuite('Podman', startPodmanEngine, { skip: (await podmanObstacle()) || obstacle });
