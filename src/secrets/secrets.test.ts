import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { EnvironmentSecretSource } from './environment.ts';
import { FileSecretSource } from './file.ts';
import { combineSources } from './secrets.ts';

const folder = await mkdtemp(join(tmpdir(), 'agora-sources-'));
after(() => rm(folder, { recursive: true, force: true }));

test('a variable is read when it is needed; one that is unset or empty is not found', async () => {
  const env: Record<string, string> = { EMPTY: '' };
  const source = new EnvironmentSecretSource({ env });
  env['KEY'] = 'set later';

  assert.equal(await source.resolve('env:KEY'), 'set later');
  for (const name of ['MISSING', 'EMPTY', 'constructor']) {
    await assert.rejects(source.resolve(`env:${name}`), (error) => isAppError(error, 'not-found'));
  }
});

test('a file is the secret without the line feed at its end', async () => {
  await writeFile(join(folder, 'key'), 'first\nsecond\n');
  await symlink('key', join(folder, 'link'));
  const source = new FileSecretSource({ folder });

  assert.equal(await source.resolve('file:key'), 'first\nsecond');
  assert.equal(await source.resolve(`file:${join(folder, 'link')}`), 'first\nsecond');
});

test('what is no small text file is refused without waiting for it', async () => {
  const at = (name: string) => join(folder, name);
  await writeFile(at('large'), 'x'.repeat(70_000));
  await writeFile(at('binary'), Uint8Array.of(0xff, 0xfe));
  await writeFile(at('empty'), '\n');
  execFileSync('mkfifo', [at('pipe')]);
  const source = new FileSecretSource();
  const codes = {
    large: 'invalid-input',
    binary: 'invalid-input',
    empty: 'invalid-input',
    pipe: 'refused',
    none: 'not-found',
  } as const;

  for (const [name, code] of Object.entries(codes)) {
    await assert.rejects(source.resolve(`file:${at(name)}`), (error) => isAppError(error, code));
  }
  await assert.rejects(source.resolve(`file:${folder}`), (error) => isAppError(error, 'refused'));
  await assert.rejects(source.resolve('file:relative'), (error) => isAppError(error, 'refused'));
});

test('of several sources the first that knows a ref resolves it', async () => {
  const combined = combineSources([
    new EnvironmentSecretSource({ env: { KEY: 'one' } }),
    new EnvironmentSecretSource({ env: { KEY: 'two' } }),
  ]);

  assert.equal(await combined.resolve('env:KEY'), 'one');
  assert.ok(!combined.knows('arn:aws:x'));
});

test('a kind no source knows is named, and nothing that could be the secret', async () => {
  const none = combineSources([]);

  await assert.rejects(none.resolve('arn:aws:secretsmanager:eu:1:secret:x'), (error) => {
    return isAppError(error, 'refused') && /"arn:".*AWS Secrets Manager/.test(error.message);
  });
  for (const mistaken of ['hidden', 'Hidden:value', 'hidden-hidden-hidden:x']) {
    await assert.rejects(
      none.resolve(mistaken),
      (error) => isAppError(error, 'refused') && !/hidden/i.test(error.message),
    );
  }
});
