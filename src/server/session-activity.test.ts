import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import type { Open } from '../contracts/session-wire.ts';
import { type Asked, SessionActivity, type TimedEntry } from './session-activity.ts';

function anActivity() {
  const batches: (readonly TimedEntry[])[] = [];
  const failures: unknown[] = [];
  let isFull = false;
  const activity = new SessionActivity({
    write: (entries) => {
      if (isFull) throw new Error('no space');
      batches.push(entries);
    },
    onFailure: (error) => void failures.push(error),
    now: () => new Date(0),
    batchMs: 5,
    againMs: 5,
  });
  const details = () => batches.flat().map((entry) => `${entry.action} ${JSON.stringify(entry.details)}`);
  const setFull = (is: boolean) => {
    isFull = is;
  };
  return { activity, batches, failures, details, setFull };
}

function asked(session: Open['session'], host = 'box'): Asked {
  return { user: 'ada', address: '10.0.0.1', open: { host, session, window: 1_024 } };
}

const exec: Open['session'] = { kind: 'exec', workspace: 'web', command: ['ls'], env: [], interactive: false };
const proxy: Open['session'] = { kind: 'proxy', workspace: 'web', port: 80 };
const refused = { code: 'refused', message: 'no' } as const;
const ended = {
  sessionId: 's-aaaaaaaaaa',
  close: { code: 'done', message: '' },
  seconds: 2,
  inputBytes: 3,
  outputBytes: 4,
} as const;

test('many sessions at once are written at once', async () => {
  const { activity, batches } = anActivity();

  for (let session = 0; session < 500; session += 1)
    activity.opened({ ...asked(exec), sessionId: 's-aaaaaaaaaa', isBack: false });
  await waitUntil('the write', () => batches.length > 0);

  assert.deepEqual(
    batches.map(({ length }) => length),
    [500],
  );
  activity.close();
});

test('connections of a proxy are told once, and then as many as there were', () => {
  const { activity, details } = anActivity();

  for (let connection = 0; connection < 3; connection += 1) {
    activity.opened({ ...asked(proxy), sessionId: 's-aaaaaaaaaa', isBack: false });
    activity.closed({ ...asked(proxy), ...ended });
  }
  activity.close();

  const what = '"kind":"proxy","workspace":"web","what":"port 80","address":"10.0.0.1"';
  assert.deepEqual(details(), [
    `session.open {${what}}`,
    `session.close {"code":"done",${what},"seconds":2,"inputBytes":3,"outputBytes":4}`,
    `session.open {${what},"times":2}`,
    `session.close {"code":"done",${what},"times":2,"seconds":4,"inputBytes":6,"outputBytes":8}`,
  ]);
});

test('who is refused something else each time does not fill the log', () => {
  const { activity, details } = anActivity();

  for (let host = 0; host < 1_000; host += 1) activity.refused(asked(exec, `h${host}`), refused);
  activity.close();

  assert.ok(details().length < 30, `${details().length} lines`);
  assert.match(details().at(-1) ?? '', /"times":97\d/);
});

test('what cannot be written is told, kept, and written as soon as it can be, though nothing more comes', async () => {
  const { activity, batches, failures, setFull } = anActivity();
  setFull(true);
  for (const sessionId of ['s-aaaaaaaaaa', 's-bbbbbbbbbb'])
    activity.opened({ ...asked(exec), sessionId, isBack: false });
  await waitUntil('the failure', () => failures.length > 0);

  setFull(false);
  await waitUntil('the write', () => batches.length > 0);

  assert.deepEqual(
    batches.flat().map(({ details }) => details?.['session']),
    ['s-aaaaaaaaaa', 's-bbbbbbbbbb'],
  );
  activity.close();
});
