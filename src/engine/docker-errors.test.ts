import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { engineError } from './docker-errors.ts';

const call = { address: 'unix:///engine.sock', action: 'create container "c"' };
const refused = (statusCode: number, message: string, json?: object) =>
  Object.assign(new Error(message), { statusCode, ...(json && { json }) });

function messageOf(cause: Error): string {
  const error = engineError(cause, call);
  assert.ok(isAppError(error));
  return `${error.code}: ${error.message}`;
}

test("the engine's words are told, also of an answer that would have been a stream", () => {
  assert.equal(
    messageOf(refused(409, 'x', { message: 'name is taken' })),
    'task-conflict: Cannot create container "c": the engine says "name is taken" (409)',
  );
  assert.equal(
    messageOf(refused(500, '(HTTP code 500) server error - it broke ')),
    'internal: Cannot create container "c": the engine says "it broke" (500)',
  );
  assert.equal(messageOf(refused(500, 'x')), 'internal: Cannot create container "c": the engine says 500');
});

test('a full disk of an engine is told the same way each time, whatever it was about to write', () => {
  const told = ['/a/link', '/b/link'].map((file) =>
    messageOf(refused(500, 'x', { message: `write ${file}: no space left on device` })),
  );

  assert.deepEqual(
    told,
    Array(2).fill('disk-full: Cannot create container "c": no space left on device where the engine keeps its data'),
  );
});

test('a way over ssh that broke is told as that, with how to look at it', () => {
  const error = engineError(Object.assign(new Error('x'), { code: 'ECONNRESET' }), { ...call, address: 'ssh://far' });

  assert.ok(isAppError(error, 'unreachable'));
  assert.match(error.message, /the way to the engine at "ssh:\/\/far" broke \(ECONNRESET\)/);
  assert.match(error.next ?? '', /agora doctor --target ssh:\/\/far/);
});
