import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostLabels } from '../contracts/fleet-names.ts';
import { isLeft } from './docker-host-dependents.ts';

const now = Date.parse('2026-01-01T00:00:00Z');

function aHelper(host: string | undefined, State: string, ageSeconds: number) {
  const Labels: Record<string, string> = host === undefined ? {} : { [hostLabels.host]: host };
  return { State, Created: now / 1_000 - ageSeconds, Labels };
}

test('a helper is left by an earlier agent of the host, or by any host once it could serve nobody', () => {
  assert.equal(isLeft(aHelper('h-now', 'running', 1), 'h-now', now), true);
  assert.equal(isLeft(aHelper('h-before', 'created', 601), 'h-now', now), true);
  assert.equal(isLeft(aHelper('h-before', 'exited', 601), 'h-now', now), true);

  assert.equal(isLeft(aHelper('h-other', 'created', 599), 'h-now', now), false);
  assert.equal(isLeft(aHelper('h-other', 'running', 601), 'h-now', now), false);
  assert.equal(isLeft(aHelper(undefined, 'created', 601), 'h-now', now), false);
});
