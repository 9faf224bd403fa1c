import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { AppError } from '../contracts/errors.ts';
import type { AgentState, StateName } from './agent-state.ts';
import { PatientState } from './patient-state.ts';

/** State on a disk without space for more than so many characters in a file. */
function aDisk() {
  const files = new Map<StateName, string>();
  const disk = { files, space: Number.POSITIVE_INFINITY, writes: 0 };
  const state: AgentState = {
    place: '/state',
    read: async (name) => files.get(name),
    write: async (name, text) => {
      disk.writes += 1;
      if (text.length > disk.space)
        throw new AppError('disk-full', `Cannot write "${name}": no space`, { next: 'Free some' });
      files.set(name, text);
    },
    remove: async (name) => void files.delete(name),
    flush: async () => {},
  };
  return { disk, state };
}

function patient(state: AgentState) {
  const lines: string[] = [];
  const kept = new PatientState({ state, backoff: { delayMs: 10, maxDelayMs: 10 }, log: (line) => lines.push(line) });
  return { kept, lines };
}

test('what can wait is read as it was written last, and written once there is space', async () => {
  const { disk, state } = aDisk();
  const { kept, lines } = patient(state);
  let changes = 0;
  kept.onChange = () => {
    changes += 1;
  };
  await kept.write('host.json', 'old');

  disk.space = 2;
  await kept.write('host.json', 'newer');
  await kept.write('host.json', 'newest');
  await kept.write('memory.json', 'm');
  assert.equal(await kept.read('host.json'), 'newest');
  assert.deepEqual(kept.problem, { name: 'agent', message: 'Cannot write "host.json": no space', next: 'Free some' });
  disk.space = 100;
  await waitUntil('it to be kept', () => disk.files.get('host.json') === 'newest');

  assert.equal(disk.files.get('memory.json'), 'm');
  assert.equal(kept.problem, undefined);
  assert.equal(changes, 2);
  assert.deepEqual(lines, [
    'Cannot write "host.json": no space. Free some',
    'The state of the agent is kept again in /state',
  ]);
});

test('what a later start needs is refused while there is no space, and told until it is written', async () => {
  const { disk, state } = aDisk();
  const { kept } = patient(state);

  disk.space = 0;
  await assert.rejects(kept.write('target.json', 'new'), { code: 'disk-full' });
  assert.equal(await kept.read('target.json'), undefined);
  assert.notEqual(kept.problem, undefined);
  disk.space = 100;
  await kept.write('target.json', 'new');

  assert.equal(kept.problem, undefined);
});

test('what is removed meanwhile does not come back, and what is never written is told at the end', async () => {
  const { disk, state } = aDisk();
  const { kept, lines } = patient(state);

  disk.space = 0;
  await kept.write('samples.json', 'one');
  await kept.write('progress.json', 'two');
  await kept.remove('samples.json');
  await kept.flush();
  const { writes } = disk;
  disk.space = 100;
  await kept.flush();

  assert.equal(disk.writes, writes + 1);
  assert.deepEqual([...disk.files], [['progress.json', 'two']]);
  assert.ok(lines.includes('Cannot keep "progress.json" of /state: what is new in it is lost'));
});
