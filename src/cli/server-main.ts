import { serverDefaults } from '../contracts/fleet-names.ts';
import { runInContainer, withDefaults } from './container-main.ts';

const data = { name: 'data-directory', short: 'd', value: '/data' };
// Whoever starts the image publishes the port or does not; inside, loopback would be of no use.
const listen = { name: 'listen', short: 'S', value: `0.0.0.0:${serverDefaults.port}` };

const [first = '', ...rest] = process.argv.slice(2);
void run();

function run(): Promise<void> {
  if (first === 'backup') {
    const load = () => import('./server-backup.ts').then((file) => file.serverBackup);
    return runInContainer({ name: 'server backup', summary: 'Back up a server', load }, withDefaults(rest, [data]));
  }
  if (first === 'restore') {
    const load = () => import('./server-restore.ts').then((file) => file.serverRestore);
    return runInContainer({ name: 'server restore', summary: 'Restore a server', load }, withDefaults(rest, [data]));
  }
  const load = () => import('./server.ts').then((file) => file.server);
  const words = withDefaults(process.argv.slice(2), [listen, data]);
  return runInContainer({ name: 'server', summary: 'Serve a fleet of hosts', ownsSignals: true, load }, words);
}
