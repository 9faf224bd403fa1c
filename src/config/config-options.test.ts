import assert from 'node:assert/strict';
import { test } from 'node:test';
import { S3ObjectLockAnchor } from '../audit/s3-object-lock-anchor.ts';
import { isAppError } from '../contracts/errors.ts';
import { LocalDirMailbox } from '../mailbox/local-dir.ts';
import { LocalStorage } from '../storage/local.ts';
import { checkConfigOptions } from './config-options.ts';

function told(options: unknown): string {
  try {
    checkConfigOptions('/p/agora.config.mjs', options);
  } catch (error) {
    assert.ok(isAppError(error, 'invalid-config'));
    return error.message.replace('Cannot use config "/p/agora.config.mjs": ', '');
  }
  return 'fine';
}

const refusals: readonly (readonly [unknown, string])[] = [
  [{ subagent: {} }, '"subagent": unknown key (did you mean "subagents"?)'],
  [{ stateFolder: '/tmp' }, '"stateFolder": unknown key'],
  [
    { queues: { default: { concurency: 1 } } },
    '"queues.default.concurency": unknown key (did you mean "concurrency"?)',
  ],
  [{ queues: { default: { concurrency: 0 } } }, '"queues.default.concurrency": must be at least 1'],
  [{ queues: [] }, '"queues": must be an object, not a list'],
  [{ subagents: 5 }, '"subagents": must be an object, not a number'],
  [{ subagents: { edit: 'node edit.mjs' } }, '"subagents.edit": must be an object, not text'],
  [{ source: 5 }, '"source": must be text, not a number'],
  [{ enforceLocks: 'yes' }, '"enforceLocks": must be true or false, not text'],
  [{ defaults: { timeoutSeconds: '60' } }, '"defaults.timeoutSeconds": must be a number, not text'],
  [{ env: 'keys' }, '"env": must be a list, not text'],
  [{ secrets: { 'A B': 'env:A' } }, '"secrets.A B": must be a variable name'],
  [{ workerImage: '' }, '"workerImage": is empty'],
  [{ mailbox: 's3://bucket' }, '"mailbox": must be an object such as new S3Mailbox({ bucket })'],
  [{ storage: { bucket: 'b' } }, '"storage": must be an object such as new S3StorageProvider({ bucket })'],
  [{ anchors: ['s3:audit'] }, '"anchors[0]": must be an object such as new S3ObjectLockAnchor({ bucket })'],
  [null, 'its options: must be an object, not null'],
];

for (const [options, message] of refusals) {
  test(`options such as ${JSON.stringify(options)} are told by their key`, () => {
    assert.equal(told(options), message);
  });
}

test('several problems are told at once, and a secret among them is not repeated', () => {
  const message = told({ secrets: { KEY: 'hidden-value' }, nope: 1 });

  assert.match(message, /^2 problems\n {2}"secrets\.KEY": must be local-secret.*\n {2}"nope": unknown key$/);
  assert.doesNotMatch(message, /hidden/);
});

test('options that are left out, or all given as they should be, are fine', () => {
  const subagents = { edit: { command: ['node', 'edit.mjs'] } };
  const defaults = { resources: { diskMb: 1024 }, retry: { attempts: 2 }, timeoutSeconds: 60 };

  assert.equal(told({}), 'fine');
  assert.equal(
    told({ subagents, defaults, source: '.', env: ['keys'], secrets: { A: 'env:A' }, model: 'fast' }),
    'fine',
  );
  assert.equal(told({ mailbox: new LocalDirMailbox('/m'), storage: new LocalStorage({ root: '/s' }) }), 'fine');
  assert.equal(told({ anchors: [new S3ObjectLockAnchor({ bucket: 'audit' })] }), 'fine');
  assert.equal(told({ namespace: undefined, enforceLocks: true, queues: { slow: {} }, workerImage: 'a:b' }), 'fine');
});
