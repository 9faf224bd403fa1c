import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type SeenContainer, SeenContainers } from './docker-host-containers-seen.ts';

function aLook(lookedAtMs: number): SeenContainer {
  return {
    status: 'running',
    health: 'none',
    exitCode: 0,
    isOutOfMemory: false,
    error: '',
    restartCount: 0,
    lookedAtMs,
    provenAtMs: lookedAtMs,
  };
}

test('what was seen before an end or an update was told of is not believed, what is seen after it is', () => {
  for (const action of ['die', 'died', 'update']) {
    const seen = new SeenContainers();
    const before = performance.now();
    assert.equal(seen.take('a', aLook(before)), true);

    seen.heard(action, 'a');

    assert.equal(seen.details.has('a'), false);
    assert.equal(seen.take('a', aLook(before)), false);
    assert.equal(seen.details.has('a'), false);
    assert.equal(seen.take('a', aLook(performance.now() + 1)), true);
    assert.equal(seen.details.get('a')?.status, 'running');
  }
});

test('other events, and those of containers that are gone, leave what was seen as it is', () => {
  const seen = new SeenContainers();
  seen.take('a', aLook(performance.now()));

  seen.heard('start', 'a');
  seen.heard('die', 'b');
  seen.forget((id) => id === 'b');

  assert.equal(seen.details.has('a'), true);
  assert.equal(seen.take('b', aLook(1)), true);
});
