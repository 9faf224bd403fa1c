import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';

const outputBytes = 4_000_000;

function aWriter(t: TestContext, program: string) {
  const our = (path: string) => new URL(path, import.meta.url).href;
  const script = `
    import { readFileSync, writeSync } from 'node:fs';
    import { Redactor } from '${our('../base/redact.ts')}';
    import { complain } from '${our('./job.ts')}';
    import { writeLog } from '${our('./worker-log.ts')}';
    const complainOnce = () => complain(new Redactor({}), 'measure the disk', 'it is gone');
    ${program}`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['pipe', 'pipe', 'pipe'],
    signal: AbortSignal.timeout(60_000),
  });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

test('after a complaint a slow reader still gets all of a report', async (t) => {
  const child = aWriter(t, `complainOnce(); writeSync(1, 'begun'); writeLog('x'.repeat(${outputBytes}));`);

  // It is not read until it has begun to fill the pipe.
  await once(child.stdout, 'data');
  const text = (await buffer(child.stderr)).toString();

  assert.equal(text.length, 'agora worker: cannot measure the disk: it is gone\n'.length + outputBytes);
});

test('a complaint that nobody reads ends nothing', async (t) => {
  const child = aWriter(t, `readFileSync(0); complainOnce(); writeSync(1, 'went on');`);

  child.stderr.destroy();
  child.stdin.end();

  assert.equal((await buffer(child.stdout)).toString(), 'went on');
});
