import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerState } from '../engine/engine.ts';
import { exitOf } from './docker-exit.ts';

const aState = (state: Partial<ContainerState>): ContainerState => ({
  id: 'c',
  imageId: 'sha256:1',
  labels: {},
  status: 'exited',
  exitCode: 0,
  isOutOfMemory: false,
  error: '',
  ...state,
});

test('a supervisor that ended by itself has exited, whatever became of its subagent', () => {
  assert.deepEqual(exitOf(aState({})), { kind: 'exited', exitCode: 0, isOutOfMemory: false });
  assert.deepEqual(exitOf(aState({ isOutOfMemory: true })), { kind: 'exited', exitCode: 0, isOutOfMemory: true });
  assert.deepEqual(exitOf(aState({ exitCode: 1 })), { kind: 'exited', exitCode: 1, isOutOfMemory: false });
});

test('a supervisor killed for memory has exited, killed otherwise it is lost', () => {
  assert.equal(exitOf(aState({ exitCode: 137, isOutOfMemory: true }))?.kind, 'exited');
  for (const exitCode of [137, 143, 255]) assert.equal(exitOf(aState({ exitCode }))?.kind, 'lost');
});

test('what was never started or is being removed is lost, what runs has not ended', () => {
  for (const status of ['created', 'removing', 'dead'] as const) assert.equal(exitOf(aState({ status }))?.kind, 'lost');
  for (const status of ['running', 'paused', 'restarting'] as const)
    assert.equal(exitOf(aState({ status })), undefined);
});
