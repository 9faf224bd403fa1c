import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { cliProgram } from './cli-program.ts';

const run = promisify(execFile);

/** What `agora` with these words prints, of an engine that is at no loopback address and does not answer. */
async function said(...words: readonly string[]): Promise<string> {
  const [file = '', ...before] = cliProgram;
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], DOCKER_HOST: 'tcp://0.0.0.0:1' };
  const { stdout, stderr } = await run(file, [...before, ...words], { env }).catch(
    (ended: { readonly stdout: string; readonly stderr: string }) => ended,
  );
  return `${stdout}${stderr}`;
}

test('an engine of another machine at tcp:// in plain is asked only with --insecure', async () => {
  const [refused, asked] = await Promise.all([said('worker', 'build'), said('worker', 'build', '--insecure')]);

  assert.match(refused, /neither encrypted nor authenticated\n {2}next: .*--insecure/);
  assert.match(asked, /no engine answers at "tcp:\/\/0\.0\.0\.0:1"/);
});
