import { dirname, join, resolve } from 'node:path';
import { stateFolderName } from '../contracts/names.ts';
import { checkConfigOptions } from './config-options.ts';
import { createEmbedded, type Embedded, type EmbeddedOptions } from './embedded.ts';

/** What a config says that wants the defaults for everything else. */
export type ConfigOptions = Omit<EmbeddedOptions, 'stateFolder'>;

/** A config in one call: `export default defineConfig({ … })`. Its folder is known once it is loaded. */
export class DefinedConfig {
  readonly options: ConfigOptions;

  constructor(options: ConfigOptions) {
    this.options = options;
  }

  /** State lies in `.agora` beside the config; `source` is relative to it. `invalid-config` names every bad option. */
  at(configPath: string): Embedded {
    checkConfigOptions(configPath, this.options);
    const folder = dirname(configPath);
    const { source } = this.options;
    return createEmbedded({
      ...this.options,
      ...(source === undefined ? {} : { source: resolve(folder, source) }),
      stateFolder: join(folder, stateFolderName),
    });
  }
}

export function defineConfig(options: ConfigOptions = {}): DefinedConfig {
  return new DefinedConfig(options);
}
