import { engineForTests } from '../../test/support/engine.ts';
import { dockerHostEngine } from './docker-host.ts';
import { parseEngineHost } from './endpoint.ts';
import { sessionHelpersSuite } from './suite-session-helpers.ts';

const { engine, skip } = await engineForTests();

sessionHelpersSuite(
  'Docker',
  async () => {
    const endpoint = parseEngineHost(engine?.address ?? '', 'test');
    return { engine: dockerHostEngine({ endpoint }), endpoint, close: async () => {} };
  },
  skip,
);
