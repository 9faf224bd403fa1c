import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { createFileAtomically } from '../base/atomic-file.ts';
import { AppError, systemErrorCode } from '../contracts/errors.ts';
import { type DeploymentId, deploymentIdSchema } from '../contracts/ids.ts';
import { stateNames } from '../contracts/names.ts';
import type { Storage } from '../storage/storage.ts';

const deploymentSchema = z.strictObject({ deploymentId: deploymentIdSchema });

/** The id of this state folder, made at first use. Two processes that race get the same one. */
export async function deploymentIdOf(stateFolder: string): Promise<DeploymentId> {
  await mkdir(stateFolder, { recursive: true, mode: 0o700 });
  const file = join(stateFolder, stateNames.deployment);
  const known = await readDeployment(file);
  if (known !== undefined) return known;
  const text = `${JSON.stringify({ deploymentId: randomBytes(16).toString('hex') })}\n`;
  await createFileAtomically(file, text);
  const made = await readDeployment(file);
  if (made === undefined) throw new AppError('internal', `Cannot read "${file}": it was removed while it was made`);
  return made;
}

export interface DeploymentPlace {
  readonly stateFolder: string | undefined;
  readonly storage: Storage;
  readonly namespace: string;
}

/** The id of a state folder; where there is none, the storage itself keeps one. */
export async function deploymentOf({ stateFolder, storage, namespace }: DeploymentPlace): Promise<DeploymentId> {
  if (stateFolder !== undefined) return deploymentIdOf(stateFolder);
  const path = { namespace, type: 'deployment', name: 'id' } as const;
  const known = await storage.getName(path);
  if (known !== undefined) return deploymentIdSchema.parse(known);
  await storage.createName(path, randomBytes(16).toString('hex'));
  return deploymentIdSchema.parse(await storage.getName(path));
}

async function readDeployment(file: string): Promise<DeploymentId | undefined> {
  try {
    return deploymentSchema.parse(JSON.parse(await readFile(file, 'utf8'))).deploymentId;
  } catch (cause) {
    if (systemErrorCode(cause) === 'ENOENT') return undefined;
    const next = 'Restore it from a backup, or move the whole state folder aside to start afresh';
    throw new AppError('state-corrupt', `Cannot read "${file}": it does not hold a deployment id`, { cause, next });
  }
}
