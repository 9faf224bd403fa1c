import { podmanObstacle, startPodmanEngine } from '../../test/support/podman-engine.ts';
import { dockerHostSessions } from './docker-host-sessions.ts';
import { hostSessionsSuite } from './host-sessions.suite.ts';

hostSessionsSuite(
  'Podman',
  async () => {
    const podman = await startPodmanEngine();
    return { ...podman, sessions: dockerHostSessions({ endpoint: podman.endpoint }) };
  },
  { skip: await podmanObstacle(), keepsInput: false },
);
