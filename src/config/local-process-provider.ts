import { join } from 'node:path';
import { ProcessCompute } from '../compute/process.ts';
import { buildWorkerBundle } from '../compute/worker-bundle.ts';
import { AppError } from '../contracts/errors.ts';
import { stateNames } from '../contracts/names.ts';
import { packageRoot } from './package-root.ts';

export interface LocalProcessProviderOptions {
  /** The project's state folder (`.agora`). */
  readonly stateFolder: string;
  /** Run work without a sandbox where bubblewrap does not work. Default: false. */
  readonly allowUnsandboxed?: boolean;
}

/** Runs work as processes of this machine under bubblewrap; no engine is needed. */
export class LocalProcessProvider extends ProcessCompute {
  constructor(options: LocalProcessProviderOptions) {
    // A config is often no TypeScript.
    if (typeof options?.stateFolder !== 'string') {
      throw new AppError('invalid-config', 'Cannot make a LocalProcessProvider: its option "stateFolder" is missing', {
        next: "Give it the project's state folder: new LocalProcessProvider({ stateFolder: '.agora' })",
      });
    }
    super({
      folder: join(options.stateFolder, stateNames.work, 'process'),
      allowUnsandboxed: options.allowUnsandboxed ?? false,
      workerBundle: () => buildWorkerBundle(packageRoot),
    });
  }
}
