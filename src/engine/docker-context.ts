import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { AppError, systemErrorCode } from '../contracts/errors.ts';

const configSchema = z.object({ currentContext: z.string().optional() });
const metaSchema = z.object({ Endpoints: z.object({ docker: z.object({ Host: z.string() }) }) });

/** The host of the chosen docker context; undefined for the default one, which has no file. */
export async function readContextHost(
  configDirectory: string,
  chosen: string | undefined,
): Promise<{ readonly name: string; readonly host: string; readonly certificates: string | undefined } | undefined> {
  const configPath = join(configDirectory, 'config.json');
  const name = chosen || (await readJson(configPath, configSchema))?.currentContext;
  if (!name || name === 'default') return undefined;
  // The docker CLI names a context's folder by the hash of its name.
  const folder = createHash('sha256').update(name).digest('hex');
  const meta = await readJson(join(configDirectory, 'contexts/meta', folder, 'meta.json'), metaSchema);
  if (!meta) {
    throw new AppError('invalid-config', `Cannot use docker context "${name}": it does not exist`, {
      next: 'Run `docker context ls`, or set DOCKER_HOST.',
    });
  }
  const certificates = join(configDirectory, 'contexts/tls', folder, 'docker');
  return { name, host: meta.Endpoints.docker.Host, certificates: existsSync(certificates) ? certificates : undefined };
}

async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  try {
    return schema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    if (systemErrorCode(cause) === 'ENOENT') return undefined;
    throw new AppError('invalid-config', `Cannot read "${path}": it is not what the docker CLI writes`, { cause });
  }
}
