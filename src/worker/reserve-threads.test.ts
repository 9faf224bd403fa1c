import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';

test('threads that are reserved are all there is need of, before anything waits for one', async () => {
  const script = `
    const { readdirSync, promises } = require('node:fs');
    const count = () => readdirSync('/proc/self/task').length;
    const { reserveThreads } = require(${JSON.stringify(new URL('./reserve-threads.ts', import.meta.url).pathname)});
    const before = count();
    reserveThreads();
    const reserved = count();
    Promise.all(Array.from({ length: 20 }, () => promises.readFile('/proc/self/status'))).then(() => {
      console.log(JSON.stringify([reserved > before, count() === reserved]));
    });`;

  const { stdout } = await promisify(execFile)(process.execPath, ['--eval', script]);

  assert.deepEqual(JSON.parse(stdout), [true, true]);
});
