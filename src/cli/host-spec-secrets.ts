import { join } from 'node:path';
import { stateFolder } from '../config/state-folder.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import type { HostSpec } from '../contracts/host-spec.ts';
import { AwsSecretStore } from '../secrets/aws.ts';
import { EnvironmentSecretSource } from '../secrets/environment.ts';
import { FileSecretSource } from '../secrets/file.ts';
import { LocalSecretStore } from '../secrets/local.ts';
import { combineSources } from '../secrets/secrets.ts';
import type { CommandContext } from './command.ts';
import type { GivenSpec } from './given-spec.ts';
import { oneLine } from './one-line.ts';

const lineLength = 1_000;

export interface FoundSecrets {
  /** By ref. */
  readonly values: Readonly<Record<string, string>>;
  /** `spec.yaml:9:7: workspaces.web.secrets.TOKEN: cannot …`, for each that was not found. */
  readonly problems: readonly string[];
}

/** The values of all secrets of a spec. Relative files start beside the spec. */
export async function findSpecSecrets(
  { spec, folder, placeOf }: GivenSpec,
  { env, cwd }: Pick<CommandContext, 'env' | 'cwd'>,
): Promise<FoundSecrets> {
  const source = combineSources([
    new EnvironmentSecretSource({ env }),
    new FileSecretSource({ folder }),
    new LocalSecretStore({ folder: join(stateFolder(undefined, cwd), 'secrets') }),
    new AwsSecretStore(),
  ]);
  const values = new Map<string, string>();
  const problems: string[] = [];
  for (const { ref, path } of refsOf(spec)) {
    if (values.has(ref)) continue;
    try {
      values.set(ref, await source.resolve(ref));
    } catch (cause) {
      if (!isAppError(cause)) throw cause;
      const state = cause.message.replace(/^Cannot /, 'cannot ');
      problems.push(oneLine(`${placeOf(path)}: ${path.join('.')}: ${state}`, lineLength));
    }
  }
  return { values: Object.fromEntries(values), problems };
}

/** The same, where each has to be there. */
export async function resolveSpecSecrets(
  given: GivenSpec,
  context: Pick<CommandContext, 'env' | 'cwd'>,
): Promise<FoundSecrets['values']> {
  const { values, problems } = await findSpecSecrets(given, context);
  if (problems.length === 0) return values;
  const count = problems.length === 1 ? 'a secret is' : `${problems.length} secrets are`;
  throw new AppError('secret-missing', `Cannot apply the spec: ${count} missing\n  ${problems.join('\n  ')}`, {
    next: 'Secrets are looked up on the machine where this command runs.',
  });
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
