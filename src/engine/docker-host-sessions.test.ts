import { engineForTests } from '../../test/support/engine.ts';
import { dockerHostEngine } from './docker-host.ts';
import { dockerHostSessions } from './docker-host-sessions.ts';
import { parseEngineHost } from './endpoint.ts';
import { hostSessionsSuite } from './host-sessions.suite.ts';

const { engine, skip } = await engineForTests();

hostSessionsSuite(
  'Docker',
  async () => {
    const endpoint = parseEngineHost(engine?.address ?? '', 'test');
    return {
      engine: dockerHostEngine({ endpoint }),
      sessions: dockerHostSessions({ endpoint }),
      close: async () => {},
    };
  },
  { skip },
);
