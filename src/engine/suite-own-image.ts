import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { plainBuild, programContext } from '../../test/support/busybox-image.ts';
import type { SuiteHost } from './suite-host.ts';

/** What the programs in a helper consist of. */
const sources = [
  'engine/port-relay-main.ts',
  'engine/port-relay.ts',
  'engine/signal-main.ts',
  'engine/signal-name.ts',
  'engine/container-process.ts',
  'base/deadline.ts',
  'base/process-identity.ts',
  'contracts/errors.ts',
];

/** Node of this machine, and the programs at the places they have here. */
export async function buildOwnImage(host: SuiteHost, tag: string): Promise<void> {
  const folder = dirname(import.meta.dirname);
  const texts = await Promise.all(sources.map((path) => readFile(join(folder, path), 'utf8')));
  const files = Object.fromEntries(sources.map((path, index) => [`root${folder}/${path}`, texts[index] ?? '']));
  files[`root${folder}/package.json`] = '{"type":"module"}';
  await host.engine.build(await programContext(process.execPath, 'FROM scratch\nCOPY root /\n', files), {
    ...plainBuild,
    tag,
  });
}
