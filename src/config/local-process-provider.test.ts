import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { LocalProcessProvider } from './local-process-provider.ts';

test('a process provider without a state folder says what it lacks', () => {
  for (const options of [undefined, {}, { stateFolder: 5 }])
    assert.throws(
      () => Reflect.construct(LocalProcessProvider, [options]),
      (error) => isAppError(error, 'invalid-config') && /"stateFolder" is missing/.test(error.message),
    );
});
