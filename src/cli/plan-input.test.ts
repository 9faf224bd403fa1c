import assert from 'node:assert/strict';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { limits } from '../contracts/names.ts';
import { invalidPlan, readPlanInput } from './plan-input.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'agora-plan-input-'));
});
after(() => rm(folder, { recursive: true, force: true }));

async function* stream(...chunks: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

const noStdin = stream();

test('a plan is read from a file, relative to the current folder', async () => {
  await writeFile(join(folder, 'plan.json'), '{}');

  const input = await readPlanInput('plan.json', { cwd: folder, stdin: noStdin });

  assert.deepEqual([input.label, Buffer.from(input.content).toString(), input.folder], ['plan.json', '{}', folder]);
});

test('a dash reads standard input', async () => {
  const input = await readPlanInput('-', { cwd: folder, stdin: stream(Buffer.from('{"a"'), Buffer.from(':1}')) });

  assert.deepEqual([input.label, Buffer.from(input.content).toString()], ['standard input', '{"a":1}']);
});

test('a file over the limit is refused without reading it', async () => {
  await using file = await open(join(folder, 'huge.json'), 'w');
  await file.truncate(limits.planBytes + 1);

  await assert.rejects(readPlanInput('huge.json', { cwd: folder, stdin: noStdin }), {
    code: 'invalid-plan',
    message: /64\.0 MiB/,
  });
});

test('standard input over the limit is refused once it passes it', async () => {
  let given = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    const chunk = new Uint8Array(1024 * 1024);
    for (;;) {
      given += 1;
      yield chunk;
    }
  }

  await assert.rejects(readPlanInput('-', { cwd: folder, stdin: endless() }), { code: 'invalid-plan' });

  assert.equal(given, limits.planBytes / 1024 / 1024 + 1);
});

test('a plan that is not there is said so', async () => {
  await assert.rejects(readPlanInput('nope.json', { cwd: folder, stdin: noStdin }), {
    code: 'usage',
    message: 'Cannot read plan "nope.json": there is no such file',
  });
});

test('every problem of a plan is a line with its path', () => {
  const error = invalidPlan('Cannot submit "plan.json"', [
    { path: '', message: 'is empty' },
    { path: 'items[1].id', message: 'is missing' },
  ]);

  assert.equal(error.message, 'Cannot submit "plan.json": 2 problems\n  the plan: is empty\n  items[1].id: is missing');
});
