import { engineForTests } from '../../test/support/engine.ts';
import { dockerHostEngine } from './docker-host.ts';
import { parseEngineHost } from './endpoint.ts';
import { hostEngineSuite } from './host-engine.suite.ts';

const { engine, skip } = await engineForTests();

hostEngineSuite(
  'Docker',
  async () => ({
    engine: dockerHostEngine({ endpoint: parseEngineHost(engine?.address ?? '', 'test') }),
    close: async () => {},
  }),
  { skip },
);
