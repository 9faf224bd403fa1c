import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { makePrivateFolder, writeFileAtomically } from '../base/atomic-file.ts';
import { undefinedIfMissing } from '../base/missing-file.ts';
import { AppError } from '../contracts/errors.ts';
import type { AgentState, StateName } from './agent-state.ts';

/** State in a folder that only its owner may read. */
export class StateFolder implements AgentState {
  readonly place: string;

  constructor(folder: string) {
    this.place = folder;
  }

  async read(name: StateName): Promise<string | undefined> {
    const path = join(this.place, name);
    const text = await undefinedIfMissing(readFile(path, 'utf8'));
    if (text !== undefined && name.endsWith('.pem')) await refuseShared(path);
    return text;
  }

  async write(name: StateName, text: string): Promise<void> {
    await makePrivateFolder(this.place);
    // What is only quicker with it need not survive a power cut.
    await writeFileAtomically(join(this.place, name), text, { durable: !name.startsWith('samples') });
  }

  async remove(name: StateName): Promise<void> {
    await rm(join(this.place, name), { force: true });
  }

  async flush(): Promise<void> {
    // Each write is on disk once it is done.
  }
}

async function refuseShared(path: string): Promise<void> {
  const { mode } = await stat(path);
  if ((mode & 0o077) === 0) return;
  throw new AppError('state-corrupt', `Cannot use key file "${path}": others than its owner may read or write it`, {
    next: `chmod 600 ${path}; if somebody may have read it, also: agora host rotate <this host>`,
  });
}
