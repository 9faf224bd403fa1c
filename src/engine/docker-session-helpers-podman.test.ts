import { podmanObstacle, startPodmanEngine } from '../../test/support/podman-engine.ts';
import { sessionHelpersSuite } from './suite-session-helpers.ts';

sessionHelpersSuite('Podman', startPodmanEngine, await podmanObstacle());
