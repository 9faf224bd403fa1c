import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '../contracts/errors.ts';
import { LocalDirMailbox } from '../mailbox/local-dir.ts';
import { ReportedMailbox } from './reported-mailbox.ts';

/** A mailbox that fails as the test says, or does not answer. */
class FailingMailbox extends LocalDirMailbox {
  failure: Error | undefined;
  putFailure: Error | undefined;
  hangs = false;

  override async put(): Promise<void> {
    if (this.putFailure !== undefined) throw this.putFailure;
  }

  override async get(): Promise<string | undefined> {
    if (this.hangs) return new Promise(() => undefined);
    if (this.failure !== undefined) throw this.failure;
    return undefined;
  }
}

function aMailbox() {
  const failing = new FailingMailbox('/nonexistent');
  const lines: string[] = [];
  const mailbox = new ReportedMailbox(failing, (line) => void lines.push(line));
  const ask = (failure?: Error) => {
    failing.failure = failure;
    return mailbox.get('a');
  };
  return { failing, mailbox, lines, ask };
}

test('that a mailbox fails is said once for each way to fail, and once that it works again', async () => {
  const { ask, lines } = aMailbox();
  const down = () => new AppError('unreachable', 'Cannot read: no answer');

  for (let time = 0; time < 3; time++) await assert.rejects(ask(down()));
  await assert.rejects(ask(new AppError('unauthenticated', 'Cannot read: wrong key')));
  for (let time = 0; time < 2; time++) await ask();
  await assert.rejects(ask(down()));

  assert.deepEqual(lines, [
    'the mailbox fails, trying again: Cannot read: no answer',
    'the mailbox fails, trying again: Cannot read: wrong key',
    'the mailbox works again',
    'the mailbox fails, trying again: Cannot read: no answer',
  ]);
});

test('what is wrong with one message is not told as a fault of the mailbox', async () => {
  const { ask, lines, mailbox } = aMailbox();
  const failure = new AppError('limit-exceeded', 'Cannot read: too large');

  await assert.rejects(ask(failure));

  assert.deepEqual(lines, []);
  assert.equal(mailbox.hasReported(failure), false);
});

test('what works beside what fails does not count as the end of the failure', async () => {
  const { failing, mailbox, lines, ask } = aMailbox();
  failing.putFailure = new AppError('disk-full', 'Cannot write: no space');

  for (let time = 0; time < 3; time++) {
    await assert.rejects(mailbox.put('a', 'x'));
    await ask();
  }
  failing.putFailure = undefined;
  await mailbox.put('a', 'x');

  assert.deepEqual(lines, ['the mailbox fails, trying again: Cannot write: no space', 'the mailbox works again']);
});

test('once it is abandoned, nothing waits for it', async () => {
  const { failing, mailbox, lines } = aMailbox();
  failing.hangs = true;
  const asked = mailbox.get('a');

  mailbox.abandon();

  await assert.rejects(asked, { name: 'AbortError' });
  await assert.rejects(mailbox.put('a', 'x'), { name: 'AbortError' });
  assert.deepEqual(lines, []);
});
