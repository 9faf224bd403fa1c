import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '../contracts/errors.ts';
import { hostLabels } from '../contracts/fleet-names.ts';
import type { ObservedContainer } from '../contracts/host-observation.ts';
import { hostSpecSchema } from '../contracts/host-spec.ts';
import type { HostLogRequest, HostSessions } from '../engine/host-sessions.ts';
import { FollowedLog } from './followed-log.ts';

const away = new AppError('unreachable', 'Cannot read a log: the engine is away');
const gone = new AppError('not-found', 'Cannot read a log: there is no such container');

type Asked = HostLogRequest & { readonly id: string };
/** What one reading of the log gives: a text, then how it ends. */
interface Reading {
  readonly text?: string;
  readonly failure?: Error;
}

function aContainer(id: string, startedAt: string): ObservedContainer {
  return {
    ...{ id, name: 'web', imageId: 'sha256:1', status: 'running', startedAt },
    ...{ health: 'none', exitCode: 0, isOutOfMemory: false, error: '', restartCount: 0, networks: [] },
    labels: { [hostLabels.host]: 'h', [hostLabels.kind]: 'workspace', [hostLabels.name]: 'web' },
  };
}

/** Follows a log whose readings and containers go as the test says; it ends with the last reading. */
async function follow(options: Pick<HostLogRequest, 'since' | 'tail'>, life: Life) {
  const ending = new AbortController();
  const [asked, notices]: [Asked[], string[]] = [[], []];
  const readings = [...life.readings];
  const [first, ...others] = life.containers;
  async function* readLog(id: string, request: HostLogRequest) {
    asked.push({ ...request, id });
    const { text = '', failure } = readings.shift() ?? {};
    if (readings.length === 0) ending.abort();
    if (text !== '') {
      request.position?.pass('output', new Date().toISOString(), text.length);
      yield { channel: 'output' as const, bytes: Buffer.from(text) };
    }
    if (failure !== undefined) throw failure;
  }
  const log = new FollowedLog({
    ...{ ...options, follow: true, timestamps: false, workspace: 'web', signal: ending.signal },
    place: {
      sessions: { readLog } as unknown as HostSessions, // It calls no more of them.
      ownLog: undefined,
      look: async () => ({
        containers: [others.shift() ?? life.containers.at(-1) ?? assert.fail('there is none')],
        hostId: 'h',
        spec: hostSpecSchema.parse({ schemaVersion: 1, workspaces: { web: { image: 'web' } } }),
      }),
    },
  });
  log.onNotice = (text) => void notices.push(text);
  let text = '';
  for await (const { bytes } of log.read(first ?? assert.fail('there is none'))) text += Buffer.from(bytes);
  return { text, notices, asked: asked.map(({ id, since, tail, follow }) => ({ id, since, tail, follow })) };
}

interface Life {
  readonly containers: readonly ObservedContainer[];
  readonly readings: readonly Reading[];
}

const [monday, tuesday] = ['2026-01-05T10:00:00.000Z', '2026-01-06T10:00:00.000Z'];

test('the lines of a next life are not counted as the last of the first, which had none', async () => {
  const containers = [aContainer('a', monday), aContainer('a', tuesday)];

  const { asked } = await follow({ tail: 5 }, { containers, readings: [{}, {}] });

  assert.deepEqual(asked, [
    { id: 'a', since: undefined, tail: 5, follow: true },
    { id: 'a', since: undefined, tail: undefined, follow: true },
  ]);
});

test('what is read without any line of before goes on with all of the next life', async () => {
  const containers = [aContainer('a', monday), aContainer('a', tuesday)];

  const { asked } = await follow({ tail: 0 }, { containers, readings: [{}, {}, {}] });

  assert.deepEqual(asked.slice(1), [
    { id: 'a', since: tuesday, tail: undefined, follow: true },
    { id: 'a', since: tuesday, tail: undefined, follow: true },
  ]);
});

test('what is read without any line of before goes on from then where its engine was away', async () => {
  const began = new Date();
  const containers = [aContainer('a', monday)];

  const { asked } = await follow({ tail: 0 }, { containers, readings: [{ failure: away }, {}] });

  assert.equal(asked[1]?.tail, undefined);
  assert.ok(new Date(asked[1]?.since ?? 0) >= began);
});

test('the last lines are asked for again where the engine was away before they came', async () => {
  const containers = [aContainer('a', monday)];

  const { asked } = await follow({ tail: 5, since: monday }, { containers, readings: [{ failure: away }, {}] });

  assert.deepEqual(asked[1], { id: 'a', since: monday, tail: 5, follow: true });
});

test('a container that was replaced while its engine was away is read to its end first', async () => {
  const containers = [aContainer('a', monday), aContainer('b', tuesday)];
  const readings = [{ text: 'one ', failure: away }, { text: 'two ' }, { text: 'three' }];

  const { text, asked, notices } = await follow({}, { containers, readings });

  assert.equal(text, 'one two three');
  assert.deepEqual(
    asked.map(({ id, follow }) => [id, follow]),
    [
      ['a', true],
      ['a', false],
      ['b', true],
    ],
  );
  assert.equal(notices.length, 1);
});

test('lines of a container that was replaced and is gone are said to be missing', async () => {
  const containers = [aContainer('a', monday), aContainer('b', tuesday)];
  const readings = [{ text: 'one ', failure: away }, { failure: gone }, { text: 'three' }];

  const { text, notices } = await follow({}, { containers, readings });

  assert.equal(text, 'one three');
  assert.match(
    notices.join('\n'),
    /^the last lines of the container of "web" before its update may be missing\nan update/,
  );
});
