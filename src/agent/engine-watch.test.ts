import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { dockerHostEngine } from '../engine/docker-host.ts';
import { endpointThat } from '../engine/suite-silence.ts';
import { type EngineState, EngineWatch } from './engine-watch.ts';

/** Follows such an engine until the test ends, with a little patience; gives what it told. */
async function watched(t: TestContext, answer: RequestListener) {
  const told: EngineState[] = [];
  const watch = new EngineWatch({
    engine: dockerHostEngine({ endpoint: await endpointThat(t, answer) }),
    onActivity: () => undefined,
    onChange: (state) => told.push(state),
    askMs: 10,
    answerMs: 300,
  });
  const ending = new AbortController();
  const running = watch.run(ending.signal);
  t.after(async () => {
    ending.abort();
    await running;
  });
  return told;
}

test('an engine that hangs is down, though every connection to it holds, and up once it answers', async (t) => {
  let hangs = false;
  const held: (() => void)[] = [];
  const told = await watched(t, ({ url }, response) => {
    if (url !== '/_ping') return void response.writeHead(200).flushHeaders();
    if (hangs) held.push(() => response.end('OK'));
    else response.end('OK');
  });

  await waitUntil('it to be up', () => told.at(-1)?.isUp === true);
  hangs = true;
  const down = await waitUntil('it to be down', () => (told.at(-1)?.isUp === false ? told.at(-1) : undefined));
  hangs = false;
  for (const answer of held) answer();
  await waitUntil('it to be up again', () => told.at(-1)?.isUp === true);

  assert.match(down.message ?? '', /Cannot reach the engine ".*docker\.sock": it gave no answer for 0\.3 s/);
});

test('an engine that answers slowly, and has nothing to tell, stays up', async (t) => {
  let asked = 0;
  const told = await watched(t, ({ url }, response) => {
    if (url !== '/_ping') return void response.writeHead(200).flushHeaders();
    asked += 1;
    setTimeout(() => response.end('OK'), 20);
  });

  await waitUntil('it to be up', () => told.at(-1)?.isUp === true);
  const before = told.length;
  const askedBefore = asked;
  await waitUntil('many questions', () => asked > askedBefore + 8);

  assert.equal(told.length, before);
});
