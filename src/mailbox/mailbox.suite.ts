import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import type { Mailbox } from './mailbox.ts';

export interface MailboxSuiteOptions {
  /** Why reads during writes are not tried. */
  readonly tearsReads?: string;
}

/** What every mailbox must do. `open` gives one that shares its messages with each other one of the same name. */
export function mailboxSuite(
  adapter: string,
  open: (name: string) => Mailbox,
  { tearsReads }: MailboxSuiteOptions = {},
): void {
  test(`${adapter}: a message is read back through another instance until it is deleted`, async () => {
    await open('basic').put('a/b/c.json', 'ü');
    assert.equal(await open('basic').get('a/b/c.json'), 'ü');
    assert.equal(await open('basic').size('a/b/c.json'), 2);

    await open('basic').delete('a/b/c.json');
    await open('basic').delete('a/b/c.json');

    assert.equal(await open('basic').get('a/b/c.json'), undefined);
    assert.equal(await open('basic').size('a/b/c.json'), undefined);
  });

  test(`${adapter}: a folder is not a message`, async () => {
    await open('folder').put('a/b.json', 'x');

    assert.equal(await open('folder').get('a'), undefined);
    assert.equal(await open('folder').size('a'), undefined);
    assert.equal(await open('folder').get('a/b.json/c'), undefined);
  });

  test(`${adapter}: keys are listed sorted, below the prefix only, after the given one only`, async () => {
    const mailbox = open('list');
    for (const key of ['p/2.json', 'p/10.json', 'p/x/1.json', 'p/x/2.json', 'p-other/1.json', 'q.json']) {
      await mailbox.put(key, key);
    }

    assert.deepEqual(await mailbox.list('p/'), ['p/10.json', 'p/2.json', 'p/x/1.json', 'p/x/2.json']);
    assert.deepEqual(await mailbox.list('p/', { after: 'p/2.json' }), ['p/x/1.json', 'p/x/2.json']);
    assert.deepEqual(await mailbox.list('p/', { after: 'p/x/1.json' }), ['p/x/2.json']);
    assert.deepEqual(await mailbox.list('nothing/here/'), []);
    assert.equal((await mailbox.list('')).length, 6);
    assert.deepEqual(await mailbox.folders(''), ['p', 'p-other']);
    assert.deepEqual(await mailbox.folders('p/'), ['x']);
  });

  test(`${adapter}: a folder whose messages were all deleted is not listed`, async () => {
    const mailbox = open('emptied');
    await mailbox.put('inbox/run-1/a.json', 'x');

    await mailbox.delete('inbox/run-1/a.json');

    assert.deepEqual(await mailbox.folders('inbox/'), []);
  });

  test(`${adapter}: a put beside deletes of the same folder is never lost`, async () => {
    const numbers = Array.from({ length: 60 }, (_, index) => index);

    await Promise.all(
      numbers.map(async (number) => {
        await open('race').put(`inbox/run/${number}.json`, 'x', { durable: number % 10 === 0 });
        if (number % 2 === 0) await open('race').delete(`inbox/run/${number}.json`);
      }),
    );

    assert.equal((await open('race').list('inbox/run/')).length, 30);
  });

  test(`${adapter}: a reader during writes sees one of the texts`, { skip: tearsReads ?? false }, async () => {
    const texts = ['a'.repeat(50_000), 'b'.repeat(60_000)];
    await open('busy').put('m.json', texts[0] ?? '');

    const writes = Array.from({ length: 20 }, (_, index) => open('busy').put('m.json', texts[index % 2] ?? ''));
    const reads = await Promise.all(Array.from({ length: 20 }, () => open('busy').get('m.json')));
    await Promise.all(writes);

    assert.equal(
      reads.every((text) => text !== undefined && texts.includes(text)),
      true,
    );
  });

  test(`${adapter}: keys and prefixes that could leave the mailbox are refused`, async () => {
    for (const hostile of ['../x', 'a/../x', '/etc/x', 'a//b', '', '.', 'a/b\0', 'a\\b', 'ü', `a/${'x'.repeat(256)}`]) {
      await assert.rejects(open('hostile').put(hostile, 'x'), isInvalid);
      await assert.rejects(open('hostile').get(hostile), isInvalid);
      await assert.rejects(open('hostile').delete(hostile), isInvalid);
      if (hostile !== '') await assert.rejects(open('hostile').list(`${hostile}/`), isInvalid);
    }
    await assert.rejects(open('hostile').list('no-slash'), isInvalid);
  });

  test(`${adapter}: a watch tells at the start, of folders made later, and ends with its signal`, {
    timeout: 20_000,
  }, async () => {
    const controller = new AbortController();
    const changes = open('watched').watch('orchestrator/submissions/', controller.signal)[Symbol.asyncIterator]();
    const until = async (condition: () => Promise<boolean>) => {
      while (!(await condition())) assert.equal((await changes.next()).done, false);
    };
    assert.equal((await changes.next()).done, false);

    for (const key of ['run-1/a.json', 'run-1/b.json', 'run-2/deep/c.json']) {
      await open('watched').put(`orchestrator/submissions/${key}`, key);
      await until(async () => (await open('watched').get(`orchestrator/submissions/${key}`)) === key);
    }
    await open('watched').delete('orchestrator/submissions/run-1/a.json');
    await until(async () => (await open('watched').list('orchestrator/submissions/run-1/')).length === 1);

    const last = changes.next().then((step) => (step.done === true ? step : changes.next()));
    controller.abort();
    assert.equal((await last).done, true);
  });

  test(`${adapter}: a watch that is aborted already tells nothing`, async () => {
    for await (const _ of open('aborted').watch('a/', AbortSignal.abort())) assert.fail('it told of a change');
  });
}

function isInvalid(error: unknown): boolean {
  return isAppError(error, 'invalid-input');
}
