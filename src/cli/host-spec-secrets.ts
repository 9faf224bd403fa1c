import { join } from 'node:path';
import { stateFolder } from '../config/state-folder.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import type { HostSpec } from '../contracts/host-spec.ts';
import { EnvironmentSecretSource } from '../secrets/environment.ts';
import { FileSecretSource } from '../secrets/file.ts';
import { LocalSecretStore } from '../secrets/local.ts';
import { combineSources } from '../secrets/secrets.ts';
import type { CommandContext } from './command.ts';
import type { GivenSpec } from './given-spec.ts';

/** The values of all secrets of a spec, by ref. Relative files start beside the spec. */
export async function resolveSpecSecrets(
  { spec, folder, placeOf }: GivenSpec,
  { env, cwd }: Pick<CommandContext, 'env' | 'cwd'>,
): Promise<Record<string, string>> {
  const source = combineSources([
    new EnvironmentSecretSource({ env }),
    new FileSecretSource({ folder }),
    new LocalSecretStore({ folder: join(stateFolder(undefined, cwd), 'secrets') }),
  ]);
  const values = new Map<string, string>();
  for (const { ref, path } of refsOf(spec)) {
    if (values.has(ref)) continue;
    try {
      values.set(ref, await source.resolve(ref));
    } catch (cause) {
      if (!isAppError(cause)) throw cause;
      const state = cause.message.replace(/^Cannot /, 'cannot ');
      throw new AppError('secret-missing', `Cannot apply the spec: ${placeOf(path)}: ${path.join('.')}: ${state}`, {
        next: 'Secrets are looked up on the machine where this command runs.',
      });
    }
  }
  return Object.fromEntries(values);
}

interface PlacedRef {
  readonly ref: string;
  readonly path: readonly string[];
}

function refsOf({ images, workspaces }: HostSpec): PlacedRef[] {
  const placed = (secrets: Readonly<Record<string, string>>, ...above: string[]) =>
    Object.entries(secrets).map(([name, ref]) => ({ ref, path: [...above, 'secrets', name] }));
  return [
    ...Object.entries(images).flatMap(([name, { build }]) => placed(build?.secrets ?? {}, 'images', name, 'build')),
    ...Object.entries(workspaces).flatMap(([name, { secrets }]) => placed(secrets, 'workspaces', name)),
  ];
}
