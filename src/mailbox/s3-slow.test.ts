import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { S3Mailbox } from './s3.ts';

/** 10 MB over 0.8 Mbit/s. */
const text = 'x'.repeat(10_000_000);
const takesMs = 100_000;

interface Asked {
  readonly abortSignal: AbortSignal;
}

/** A service behind a line so slow that what holds the text takes its time; and a clock that is turned on by hand. */
function aSlowMailbox(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const asked: string[] = [];
  const slowly = <T>(answer: T, { abortSignal }: Asked): Promise<T> =>
    new Promise((resolve, reject) => {
      abortSignal.addEventListener('abort', () => reject(Object.assign(new Error('aborted'), { name: 'AbortError' })));
      setTimeout(() => resolve(answer), takesMs);
    });
  const send = async (command: object, options: Asked): Promise<object> => {
    asked.push(command.constructor.name);
    if (command instanceof PutObjectCommand) return slowly({}, options);
    if (command instanceof HeadObjectCommand) return { ContentLength: text.length, ETag: '"of-it"' };
    assert.ok(command instanceof GetObjectCommand);
    return { ContentLength: text.length, Body: { transformToString: () => slowly(text, options) } };
  };
  const client = { send } as unknown as S3Client;
  return { mailbox: new S3Mailbox({ bucket: 'slow', client }), asked };
}

/** Lets time pass until it settled. */
async function afterAll<T>(t: TestContext, work: Promise<T>): Promise<T> {
  let isSettled = false;
  const settled = () => {
    isSettled = true;
  };
  work.then(settled, settled);
  while (!isSettled) {
    await new Promise((resolve) => setImmediate(resolve));
    t.mock.timers.tick(1_000);
  }
  return work;
}

test('a large message over a slow line is put at once', async (t) => {
  const { mailbox, asked } = aSlowMailbox(t);

  await afterAll(t, mailbox.put('audit/run-1.json', text));

  assert.deepEqual(asked, ['PutObjectCommand']);
});

test('a large message over a slow line is read whole', async (t) => {
  const { mailbox, asked } = aSlowMailbox(t);

  assert.equal((await afterAll(t, mailbox.get('audit/run-1.json'))) === text, true);
  assert.equal(asked.includes('HeadObjectCommand'), true);
});
