import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Characters that each encoding writes in its own way. */
export const secretValue = 'Zq7+/"kestrel"\\&=%-9f3Tübingen';

/** What of a secret must be found nowhere: as it stands, and as programs print it. */
export function formsOf(secret: string): readonly string[] {
  const bytes = Buffer.from(secret);
  // Base64 of what stands in the middle of something longer: each of three alignments, without the characters that mix.
  const base64 = [0, 1, 2].flatMap((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const inner = text.slice(offset === 0 ? 0 : 4, -2);
    return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')];
  });
  return [
    secret,
    ...base64,
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    encodeURIComponent(secret),
    new URLSearchParams({ '': secret }).toString().slice(1),
    JSON.stringify(secret).slice(1, -1),
    JSON.stringify(JSON.stringify(secret)).slice(3, -3),
  ];
}

/** Inside the worker: carries a secret out in every way it has, also cut into pieces. */
export function leak({ name, pauseMs }: { readonly name: string; readonly pauseMs: number }): void {
  const fs = process.getBuiltinModule('node:fs');
  const secret = process.env[name] ?? '';
  const bytes = Buffer.from(secret);
  const forms = [
    secret,
    bytes.toString('base64'),
    bytes.toString('base64url'),
    Buffer.from(`x${secret}y`).toString('base64'),
    Buffer.from(`xx${secret}yy`).toString('base64'),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    encodeURIComponent(secret),
    new URLSearchParams({ '': secret }).toString().slice(1),
    JSON.stringify(secret),
    JSON.stringify(JSON.stringify(secret)),
  ];
  const outputs = process.env['AGORA_OUTPUT_DIR'] ?? '';
  fs.mkdirSync(`${outputs}/deep`);
  fs.writeFileSync('leaked.txt', `${forms.join('\n')}\n`);
  fs.writeFileSync('leaked.bin', Buffer.concat([Buffer.of(0, 255, 0), bytes, Buffer.of(0)]));
  fs.writeFileSync(`${outputs}/deep/leaked.json`, JSON.stringify({ forms }));
  fs.writeFileSync(`${outputs}/leaked.bin`, Buffer.concat([Buffer.alloc(70_000, 0xab), bytes]));
  fs.writeFileSync('existing.txt', `line\n${secret}\nline\n`);
  const wait = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs);
  for (const stream of [1, 2]) {
    for (const form of forms) {
      const whole = Buffer.from(`[${form}]\n`);
      fs.writeSync(stream, whole);
      // In two writes, and byte by byte.
      fs.writeSync(stream, whole.subarray(0, 9));
      wait();
      fs.writeSync(stream, whole.subarray(9));
      for (const byte of whole) fs.writeSync(stream, Buffer.of(byte));
    }
  }
  // Large enough to be cut by every buffer on its way, at another place each time.
  for (let padding = 0; padding < 40; padding += 1) fs.writeSync(1, `${'.'.repeat(4_080 + padding)}${secret}\n`);
  fs.writeSync(1, 'all is out\n');
}

export interface FoundSecret {
  readonly where: string;
  readonly form: string;
}

export function secretsIn(where: string, content: string | Buffer, forms: readonly string[]): FoundSecret[] {
  const bytes = Buffer.from(content);
  return forms.filter((form) => bytes.includes(form)).map((form) => ({ where, form }));
}

/** The files below a folder in which one of the forms stands, but for those in `except`. */
export async function secretsBelow(
  folder: string,
  forms: readonly string[],
  except: readonly string[] = [],
): Promise<FoundSecret[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const looked = files.filter((file) => !except.some((path) => file.startsWith(join(folder, path))));
  const found = await Promise.all(looked.map(async (file) => secretsIn(file, await readFile(file), forms)));
  return found.flat();
}
