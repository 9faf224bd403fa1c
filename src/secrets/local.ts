import { randomUUID } from 'node:crypto';
import { chmod, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { makePrivateFolder, syncFolder, writeFileAtomically } from '../base/atomic-file.ts';
import { removeLeftovers } from '../base/leftovers.ts';
import { undefinedIfMissing } from '../base/missing-file.ts';
import { AppError } from '../contracts/errors.ts';
import { checkedSecret } from './secret-value.ts';
import type { SecretStore, StagedSecret, StageOptions } from './secrets.ts';

export interface LocalSecretStoreOptions {
  /** Folder that holds the secrets; made at the first one, for its owner only. */
  readonly folder: string;
}

const refPattern = /^local-secret:\/\/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/;
const filePattern = /^([0-9a-f-]{36})\.json$/;

const fileSchema = z.object({
  name: z.string(),
  value: z.string().min(1),
  stagedAt: z.iso.datetime(),
  expiresAt: z.iso.datetime().optional(),
});
type SecretFile = z.infer<typeof fileSchema>;

/** Secrets in a folder of this machine, a file of mode 0600 each, named by a random id: `local-secret://<uuid>`. */
export class LocalSecretStore implements SecretStore {
  readonly #folder: string;
  #swept: Promise<void> | undefined;

  constructor(options: LocalSecretStoreOptions) {
    this.#folder = options.folder;
  }

  knows(ref: string): boolean {
    return ref.startsWith('local-secret://');
  }

  async stage({ name, value, ttlSeconds }: StageOptions): Promise<StagedSecret> {
    checkedSecret(value, `secret "${name}"`);
    const now = Date.now();
    const id = randomUUID();
    const stagedAt = new Date(now).toISOString();
    const expiresAt = ttlSeconds === undefined ? undefined : expiryOf(now, ttlSeconds);
    const file: SecretFile = { name, value, stagedAt, ...(expiresAt === undefined ? {} : { expiresAt }) };
    await makePrivateFolder(this.#folder, { durable: true });
    // It may have been there before, open to others.
    await chmod(this.#folder, 0o700);
    await this.#sweep();
    await writeFileAtomically(this.#pathOf(id), JSON.stringify(file));
    return { ref: `local-secret://${id}`, name, stagedAt, expiresAt };
  }

  async resolve(ref: string): Promise<string> {
    const id = refPattern.exec(ref)?.[1];
    if (id === undefined) throw new AppError('invalid-input', 'Cannot resolve the secret: its ref is malformed');
    const text = await undefinedIfMissing(readFile(this.#pathOf(id), 'utf8'));
    if (text === undefined) throw notFound(ref, 'it is not in the secret store');
    const file = parseFile(text);
    if (file === undefined) {
      throw new AppError('state-corrupt', `Cannot resolve secret "${ref}": its file ${this.#pathOf(id)} is damaged`, {
        next: 'Register the env again with the secret, then remove the file.',
      });
    }
    if (!isExpired(file.expiresAt)) return file.value;
    await this.remove(ref);
    throw notFound(ref, `it expired at ${file.expiresAt}`);
  }

  async remove(ref: string): Promise<void> {
    const id = refPattern.exec(ref)?.[1];
    if (id === undefined) return;
    await rm(this.#pathOf(id), { force: true });
    await undefinedIfMissing(syncFolder(this.#folder));
  }

  /** Expired ones are removed, not listed. A damaged file is listed by when it was written, so that it can be removed. */
  async list(): Promise<StagedSecret[]> {
    await this.#sweep();
    const files = (await undefinedIfMissing(readdir(this.#folder))) ?? [];
    const staged: StagedSecret[] = [];
    for (const id of files.flatMap((file) => filePattern.exec(file)?.[1] ?? []).sort()) {
      const found = await this.#describe(id);
      if (found === undefined) continue;
      if (isExpired(found.expiresAt)) await this.remove(found.ref);
      else staged.push(found);
    }
    return staged;
  }

  async #describe(id: string): Promise<StagedSecret | undefined> {
    const ref = `local-secret://${id}`;
    const text = await undefinedIfMissing(readFile(this.#pathOf(id), 'utf8'));
    if (text === undefined) return undefined;
    const file = parseFile(text);
    if (file !== undefined) return { ref, name: file.name, stagedAt: file.stagedAt, expiresAt: file.expiresAt };
    const found = await undefinedIfMissing(stat(this.#pathOf(id)));
    return found && { ref, name: '(damaged)', stagedAt: found.mtime.toISOString(), expiresAt: undefined };
  }

  // A process killed while it wrote leaves an unfinished file, which may hold a secret.
  #sweep(): Promise<void> {
    this.#swept ??= removeLeftovers(this.#folder, (name) => name.endsWith('.tmp'));
    return this.#swept;
  }

  #pathOf(id: string): string {
    return join(this.#folder, `${id}.json`);
  }
}

// The parser's own words quote what they stumble over, so nothing of them is kept.
function parseFile(text: string): SecretFile | undefined {
  try {
    return fileSchema.parse(JSON.parse(text));
  } catch {
    return undefined; // Damaged: the callers say so.
  }
}

// A time too far away for a date is none.
function expiryOf(now: number, ttlSeconds: number): string | undefined {
  const at = new Date(now + ttlSeconds * 1000);
  return Number.isNaN(at.getTime()) || at.getUTCFullYear() > 9999 ? undefined : at.toISOString();
}

function isExpired(expiresAt: string | undefined): boolean {
  return expiresAt !== undefined && Date.parse(expiresAt) <= Date.now();
}

function notFound(ref: string, state: string): AppError {
  return new AppError('not-found', `Cannot resolve secret "${ref}": ${state}`, {
    next: 'Register the env again with the secret.',
  });
}
