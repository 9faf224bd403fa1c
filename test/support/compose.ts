import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { environmentNames } from '../../src/contracts/names.ts';

/** Why no compose file can be run here; undefined when one can. */
export async function composeObstacle(): Promise<string | undefined> {
  try {
    await promisify(execFile)('docker-compose', ['version']);
    return undefined;
  } catch (cause) {
    const obstacle = 'a compose file needs "docker-compose" (Debian: docker-compose)';
    if (process.env[environmentNames.requireEngine] === '1') throw new Error(obstacle, { cause });
    return obstacle;
  }
}
