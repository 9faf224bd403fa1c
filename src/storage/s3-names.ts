import { type S3Bucket, s3Sdk } from '../s3/s3-bucket.ts';
import { listAll } from '../s3/s3-listing.ts';
import { readText, textContent } from '../s3/s3-text.ts';
import { nameKey, namesAmong, namesFolder } from './keys.ts';
import { S3Claims } from './s3-claims.ts';
import type { NamePath, NameType } from './storage.ts';

/** Overwritable texts of a bucket. */
export class S3Names {
  readonly #bucket: S3Bucket;
  readonly #claims: S3Claims;

  constructor(bucket: S3Bucket) {
    this.#bucket = bucket;
    this.#claims = new S3Claims(bucket);
  }

  async put(path: NamePath, text: string): Promise<void> {
    const { PutObjectCommand } = await s3Sdk();
    const wish = { ...this.#at(path), ...this.#contentOf(text) };
    await this.#bucket.ask(`store ${titleOf(path)}`, (client, options) =>
      client.send(new PutObjectCommand(wish), options),
    );
  }

  create(path: NamePath, text: string): Promise<boolean> {
    return this.#claims.create({ ...this.#at(path), ...this.#contentOf(text) }, titleOf(path));
  }

  async get(path: NamePath): Promise<string | undefined> {
    const object = { at: this.#at(path), title: `${titleOf(path)} in ${this.#bucket.place}` };
    return this.#bucket.askForObject(`read ${titleOf(path)}`, (client, options) => readText(client, object, options));
  }

  async remove(path: NamePath): Promise<void> {
    const { DeleteObjectCommand } = await s3Sdk();
    const wish = new DeleteObjectCommand(this.#at(path));
    await this.#bucket.ask(`remove ${titleOf(path)}`, (client, options) => client.send(wish, options));
  }

  async list(namespace: string, type: NameType): Promise<string[]> {
    const Prefix = `${this.#bucket.prefix}${namesFolder(namespace, type)}`;
    // What lies deeper, claims, is folded.
    const { keys } = await listAll(this.#bucket, `list names of type "${type}"`, { Prefix, Delimiter: '/' });
    return namesAmong(keys.map((key) => key.slice(Prefix.length)));
  }

  #contentOf(text: string) {
    return { ...textContent(text), ...this.#bucket.encryption };
  }

  #at(path: NamePath): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.#bucket.name, Key: `${this.#bucket.prefix}${nameKey(path)}` };
  }
}

function titleOf({ type, name }: NamePath): string {
  return `${type} "${name}"`;
}
