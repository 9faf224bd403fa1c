import assert from 'node:assert/strict';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runIdSchema } from '../contracts/ids.ts';
import { checkFixture, demoRunId, exampleFolder, nextCommands } from './demo-example.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'agora-demo-'));
  await cp(join(exampleFolder, 'fixture'), join(folder, 'fixture'), { recursive: true });
});
after(() => rm(folder, { recursive: true, force: true }));

test('an example that carries its edits already is refused with the way back', async () => {
  checkFixture(exampleFolder);
  await writeFile(join(folder, 'fixture', 'beta.ts'), "export const NEW_NAME = 'beta';\n");

  assert.throws(() => checkFixture(folder), {
    code: 'usage',
    message: 'Cannot run the demo: the example carries its edits already, in fixture/beta.ts',
    next: `git -C ${folder} checkout -- fixture`,
  });
});

test('each demo has a run id of its own', () => {
  const at = Date.parse('2026-01-01T00:00:00Z');

  assert.match(demoRunId(at), /^demo-[a-z0-9]+$/);
  assert.notEqual(demoRunId(at), demoRunId(at + 1000));
});

test('the commands to go on with put agora on the path only when it is not there', () => {
  const options = { runId: runIdSchema.parse('demo-1'), item: 'edit-alpha', folder: "/it's here", path: '' };

  assert.match(nextCommands(options)[0] ?? '', /^export PATH=/);
  assert.equal(nextCommands({ ...options, path: join(exampleFolder, '..', '..', 'bin') })[0], "cd '/it'\\''s here'");
  assert.equal(nextCommands(options).at(-1), 'git checkout -- fixture');
});
