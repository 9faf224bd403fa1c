import { randomUUID } from 'node:crypto';
import type { SecretListEntry } from '@aws-sdk/client-secrets-manager';
import { AppError, isAppError } from '../contracts/errors.ts';
import { AwsConnection, type AwsConnectionOptions, sdk } from './aws-connection.ts';
import { type AwsSecretRef, memberOf, parseAwsSecretRef } from './aws-ref.ts';
import { isPast, tag, tagNames, tagValue } from './aws-tags.ts';
import { checkedSecret } from './secret-value.ts';
import type { SecretStore, StagedSecret, StageOptions } from './secrets.ts';

export interface AwsSecretStoreOptions extends AwsConnectionOptions {
  /** Where secrets are staged. Default: as the AWS CLI finds it. */
  readonly region?: string;
  /** Begins the names of staged secrets; nothing else is ever removed. Default: `agora/`. */
  readonly prefix?: string;
  /** Encrypts staged secrets. Default: the account's own key for secrets. */
  readonly kmsKeyId?: string;
}

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Secrets in AWS Secrets Manager, by ARN. Those that are staged here are named `<prefix><uuid>` and tagged with what they
 * are meant for and until when; past that time they are not given out, and removed once they are met.
 */
export class AwsSecretStore implements SecretStore {
  readonly #options: AwsSecretStoreOptions;
  readonly #prefix: string;
  readonly #aws: AwsConnection;

  constructor(options: AwsSecretStoreOptions = {}) {
    this.#options = options;
    this.#prefix = options.prefix ?? 'agora/';
    if (this.#prefix === '')
      throw new AppError('invalid-config', 'Cannot stage secrets in AWS: their prefix is empty', {
        next: 'Give a prefix such as "agora/", which tells them from those of others.',
      });
    this.#aws = new AwsConnection(options);
  }

  knows(ref: string): boolean {
    return ref.startsWith('arn:');
  }

  async stage({ name, value, ttlSeconds }: StageOptions): Promise<StagedSecret> {
    checkedSecret(value, `secret "${name}"`);
    const now = Date.now();
    const stagedAt = new Date(now).toISOString();
    const expiresAt = ttlSeconds === undefined ? undefined : new Date(now + ttlSeconds * 1000).toISOString();
    const { CreateSecretCommand } = await sdk();
    const { ARN: ref } = await this.#aws.ask(`stage secret "${name}"`, this.#options.region, (client, options) =>
      client.send(
        new CreateSecretCommand({
          Name: `${this.#prefix}${randomUUID()}`,
          ClientRequestToken: randomUUID(),
          SecretString: value,
          Tags: [
            tag(tagNames.name, name),
            tag(tagNames.stagedAt, stagedAt),
            ...(expiresAt === undefined ? [] : [tag(tagNames.expiresAt, expiresAt)]),
          ],
          ...(this.#options.kmsKeyId === undefined ? {} : { KmsKeyId: this.#options.kmsKeyId }),
        }),
        options,
      ),
    );
    if (ref === undefined) throw new AppError('unreachable', `Cannot stage secret "${name}": AWS gave it no ARN`);
    return { ref, name, stagedAt, expiresAt };
  }

  async resolve(ref: string): Promise<string> {
    const parsed = parseAwsSecretRef(ref);
    const what = `resolve secret "${parsed.arn}"`;
    if (this.#isStaged(parsed)) await this.#refuseExpired(parsed, what);
    const { GetSecretValueCommand } = await sdk();
    const found = await this.#aws.ask(what, parsed.region, (client, options) =>
      client.send(
        new GetSecretValueCommand({
          SecretId: parsed.arn,
          VersionStage: parsed.versionStage,
          VersionId: parsed.versionId,
        }),
        options,
      ),
    );
    const text = found.SecretString ?? textOf(found.SecretBinary, what);
    return checkedSecret(parsed.jsonKey === undefined ? text : memberOf(text, parsed.jsonKey, what), `secret "${ref}"`);
  }

  async remove(ref: string): Promise<void> {
    const parsed = parseAwsSecretRef(ref);
    // Somebody else keeps the others.
    if (!this.#isStaged(parsed)) return;
    const { DeleteSecretCommand } = await sdk();
    try {
      await this.#aws.ask(`remove secret "${parsed.arn}"`, parsed.region, (client, options) =>
        client.send(new DeleteSecretCommand({ SecretId: parsed.arn, ForceDeleteWithoutRecovery: true }), options),
      );
    } catch (error) {
      if (!isAppError(error, 'not-found')) throw error;
    }
  }

  /** Those that were staged under this prefix in the region where secrets are staged; expired ones are removed. */
  async list(): Promise<StagedSecret[]> {
    const { paginateListSecrets } = await sdk();
    const entries = await this.#aws.ask('list staged secrets', this.#options.region, async (client, options) => {
      const all: SecretListEntry[] = [];
      const query = { Filters: [{ Key: 'name' as const, Values: [this.#prefix] }] };
      for await (const page of paginateListSecrets({ client, pageSize: 100 }, query, options))
        all.push(...(page.SecretList ?? []));
      return all;
    });
    // AWS compares names without regard to case.
    const found = entries.filter(({ Name = '' }) => this.#isOurs(Name)).flatMap(stagedOf);
    for (const { ref } of found.filter(({ expiresAt }) => isPast(expiresAt))) await this.#removeExpired(ref);
    return found.filter(({ expiresAt }) => !isPast(expiresAt));
  }

  #isStaged({ name }: AwsSecretRef): boolean {
    return this.#isOurs(name.replace(/-[A-Za-z0-9]{6}$/, ''));
  }

  /** Others may begin a name as we do; who removed their secret could not bring it back. */
  #isOurs(name: string): boolean {
    return name.startsWith(this.#prefix) && uuidPattern.test(name.slice(this.#prefix.length));
  }

  /** Who may read and not remove still gets what they asked for. */
  async #removeExpired(ref: string): Promise<void> {
    try {
      await this.remove(ref);
    } catch (error) {
      if (!isAppError(error, 'refused')) throw error;
    }
  }

  async #refuseExpired(ref: AwsSecretRef, what: string): Promise<void> {
    const { DescribeSecretCommand } = await sdk();
    const { Tags } = await this.#aws.ask(what, ref.region, (client, options) =>
      client.send(new DescribeSecretCommand({ SecretId: ref.arn }), options),
    );
    const expiresAt = tagValue(Tags, tagNames.expiresAt);
    if (!isPast(expiresAt)) return;
    await this.#removeExpired(ref.arn);
    throw new AppError('not-found', `Cannot ${what}: it expired at ${expiresAt}`, {
      next: 'Register the env again with the secret.',
    });
  }
}

function stagedOf({ ARN: ref, Name: id = '', Tags }: SecretListEntry): StagedSecret[] {
  if (ref === undefined) return [];
  const [name = id, stagedAt = ''] = [tagValue(Tags, tagNames.name), tagValue(Tags, tagNames.stagedAt)];
  return [{ ref, name, stagedAt, expiresAt: tagValue(Tags, tagNames.expiresAt) }];
}

function textOf(bytes: Uint8Array | undefined, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new AppError('invalid-input', `Cannot ${what}: it is binary and no text`);
  }
}
