import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { AgentLog } from './agent-log.ts';
import { LogFiles } from './log-files.ts';
import type { OwnLogRequest } from './log-reading.ts';

async function filesFor(t: TestContext, maxTotalBytes = 1_000_000): Promise<LogFiles> {
  const folder = await mkdtemp(join(tmpdir(), 'agora-log-'));
  let at = Date.now();
  const now = () => {
    at += 1;
    return new Date(at);
  };
  const files = new LogFiles({ folder, maxTotalBytes, now });
  t.after(async () => {
    files.close();
    await rm(folder, { recursive: true, force: true });
  });
  return files;
}

function logOf(lines: readonly string[], files?: LogFiles): AgentLog {
  const log = new AgentLog(() => {});
  if (files !== undefined) log.keepIn(files);
  for (const line of lines) log.line(line);
  return log;
}

async function textOf(log: AgentLog, wish: Partial<OwnLogRequest> = {}): Promise<string> {
  let text = '';
  for await (const bytes of log.read({ ...whole, ...wish })) text += Buffer.from(bytes);
  return text;
}

/** What is followed so far. */
function follow(t: TestContext, log: AgentLog, wish: Partial<OwnLogRequest> = {}): () => string {
  const ending = new AbortController();
  let text = '';
  const reading = (async () => {
    for await (const bytes of log.read({ ...whole, ...wish, follow: true, signal: ending.signal }))
      text += Buffer.from(bytes);
  })();
  t.after(() => {
    ending.abort();
    return reading;
  });
  return () => text;
}

const whole: OwnLogRequest = { follow: false, timestamps: false, signal: new AbortController().signal };
const numbered = (count: number) => Array.from({ length: count }, (_, index) => `line ${index}`);

for (const where of ['files', 'memory']) {
  test(`a log in ${where} is read whole, from its last lines, with and without times`, async (t) => {
    const log = logOf(['one', 'two', 'three'], where === 'files' ? await filesFor(t) : undefined);

    assert.equal(await textOf(log), 'one\ntwo\nthree\n');
    assert.equal(await textOf(log, { tail: 2 }), 'two\nthree\n');
    assert.equal(await textOf(log, { tail: 0 }), '');
    assert.match(await textOf(log, { tail: 1, timestamps: true }), /^\d{4}-\d\d-\d\dT[\d:.]+Z three\n$/);
    assert.equal(await textOf(log, { since: new Date(Date.now() + 60_000).toISOString() }), '');
    assert.equal(await textOf(log, { since: new Date(Date.now() - 60_000).toISOString() }), 'one\ntwo\nthree\n');
  });

  test(`a log in ${where} is followed`, async (t) => {
    const log = logOf(['one', 'two'], where === 'files' ? await filesFor(t) : undefined);
    const text = follow(t, log, { tail: 1 });
    await waitUntil('the last line', () => text() === 'two\n');

    log.line('three');

    await waitUntil('the new line', () => text() === 'two\nthree\n');
  });
}

test('a log that is in no file yet goes into the files', async (t) => {
  const log = logOf(['before']);

  log.keepIn(await filesFor(t));
  log.line('after');

  assert.equal(await textOf(log), 'before\nafter\n');
});

test('rotated files are read in their order, and followed through', async (t) => {
  const log = logOf(numbered(500), await filesFor(t, 40_000));
  const text = follow(t, log);
  await waitUntil('all lines', () => text().endsWith('line 499\n'));

  for (const line of numbered(1_000).slice(500)) {
    log.line(line);
    if (line.endsWith('00')) await waitUntil('the line', () => text().endsWith(`${line}\n`));
  }

  await waitUntil('the last line', () => text().endsWith('line 999\n'));
  assert.deepEqual(text().trimEnd().split('\n'), numbered(1_000));
});

test('who follows too slowly goes on with the oldest file that is there', async (t) => {
  const log = logOf(numbered(10), await filesFor(t, 8_000));
  const reading = log.read({ ...whole, follow: true });
  await reading.next();

  for (const line of numbered(2_000)) log.line(line);

  const next = Buffer.from((await reading.next()).value ?? []).toString();
  assert.match(next, /^line \d+\n/);
  await reading.return(undefined);
});

test('a log in memory forgets its oldest lines', async () => {
  const log = logOf(numbered(20_000));

  const lines = (await textOf(log)).trimEnd().split('\n');

  assert.equal(lines.at(-1), 'line 19999');
  assert.ok(lines.length > 1_000 && lines.length < 20_000);
});
