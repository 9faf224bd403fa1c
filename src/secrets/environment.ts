import { AppError } from '../contracts/errors.ts';
import { checkedSecret } from './secret-value.ts';
import type { SecretSource } from './secrets.ts';

export interface EnvironmentSecretSourceOptions {
  /** The environment it reads, as it is when a secret is needed. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Secrets in variables of the process that starts a dispatch: `env:<NAME>`. */
export class EnvironmentSecretSource implements SecretSource {
  readonly #env: EnvironmentSecretSourceOptions['env'];

  constructor({ env }: EnvironmentSecretSourceOptions) {
    this.#env = env;
  }

  knows(ref: string): boolean {
    return ref.startsWith('env:');
  }

  async resolve(ref: string): Promise<string> {
    const name = ref.slice('env:'.length);
    const value = Object.hasOwn(this.#env, name) ? this.#env[name] : undefined;
    if (value !== undefined && value !== '') return checkedSecret(value, `secret "${ref}"`);
    throw new AppError(
      'not-found',
      `Cannot resolve secret "${ref}": the variable is ${value === '' ? 'empty' : 'not set'}`,
      {
        next: `Set ${name} for the process that starts the dispatch (the daemon, for a run).`,
      },
    );
  }
}
