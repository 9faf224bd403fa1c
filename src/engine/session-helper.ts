import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hostLabels } from '../contracts/fleet-names.ts';

export const sessionHelperName = 'sessions';

/** Labels of our own containers that serve sessions with a container of these labels. */
export function sessionHelperLabels(served: Readonly<Record<string, string>>): Record<string, string> {
  const owner = served[hostLabels.host];
  const labels = { [hostLabels.kind]: 'helper', [hostLabels.name]: sessionHelperName };
  return owner === undefined ? labels : { ...labels, [hostLabels.host]: owner };
}

/** Runs a program that lies beside this file: both, and Node, are at the same place in each container of this image. */
export function commandOfMain(name: string): string[] {
  const own = fileURLToPath(import.meta.url);
  return [process.execPath, join(dirname(own), `${name}${extname(own)}`)];
}
