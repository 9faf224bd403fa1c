import { runInContainer } from './container-main.ts';

void runInContainer(
  {
    name: 'agent',
    summary: 'Keep this host as its server declares it',
    ownsSignals: true,
    load: () => import('./agent.ts').then((file) => file.agent),
  },
  process.argv.slice(2),
);
