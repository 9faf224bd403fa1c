import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unknownKey } from './spec-keys.ts';

const none = 'there is no such key';

test('a key is suggested where it can stand, and no other', () => {
  assert.equal(unknownKey('worspaces', []), `${none} (did you mean "workspaces"?)`);
  assert.equal(unknownKey('netwoks', ['workspaces', 'web']), `${none} (did you mean "networks"?)`);
  assert.equal(unknownKey('intervall', ['workspaces', 'web', 'health']), `${none} (did you mean "interval"?)`);
  assert.equal(unknownKey('readonly', ['workspaces', 'web', 'mounts', 0]), `${none} (did you mean "readOnly"?)`);
  assert.equal(unknownKey('contxt', ['images', 'app', 'build']), `${none} (did you mean "context"?)`);
  assert.equal(unknownKey('workspace', ['workspaces', 'web', 'ports', 3]), none);
  assert.equal(unknownKey('__proto__', ['workspaces', '__proto__', 'x']), none);
});

test('who writes what compose takes is told what it is here', () => {
  assert.equal(unknownKey('environment', ['workspaces', 'web']), `${none}; it is env`);
  assert.equal(unknownKey('volumes', ['workspaces', 'web']), `${none}; it is mounts`);
  assert.equal(unknownKey('services', []), `${none}; it is workspaces`);
  assert.equal(unknownKey('container_name', ['workspaces', 'web']), `${none}; it is the name of the workspace`);
  assert.equal(unknownKey('environment', ['networks', 'front']), none);
});
