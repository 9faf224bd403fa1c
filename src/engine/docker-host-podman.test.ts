import { podmanObstacle, startPodmanEngine } from '../../test/support/podman-engine.ts';
import { hostEngineSuite } from './host-engine.suite.ts';

hostEngineSuite('Podman', startPodmanEngine, {
  skip: await podmanObstacle(),
  hasHealthChecks: false,
  refusesMissingFolders: false,
});
