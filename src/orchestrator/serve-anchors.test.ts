import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { anAnchorEntry } from '../../test/support/an-anchor-entry.ts';
import { aDaemon, type TestDaemon } from '../../test/support/daemon.ts';
import { leftToNpmTest } from '../../test/support/quick-tests.ts';
import type { Anchor, AnchorEntry, ReadBack } from '../audit/anchor.ts';
import { readTrustFile } from '../audit/trust.ts';
import { verifyBundle } from '../audit/verify/verify.ts';
import { waitUntil } from '../base/deadline.ts';
import { AppError } from '../contracts/errors.ts';
import type { RunId } from '../contracts/ids.ts';

const patience = { timeoutMs: 20_000 };

/** An anchor outside that can be cut off, and that locks what it is given. */
class GatedAnchor implements Anchor {
  readonly kind = 's3-object-lock';
  readonly id: string;
  readonly kept = new Map<string, AnchorEntry>();
  isReachable = true;
  /** Never answers, whatever the caller does. */
  isSilent = false;
  asked = 0;

  constructor(id = 's3:outside') {
    this.id = id;
  }

  locatorOf({ runId }: { runId: string }): string {
    return `s3://outside/${runId}`;
  }

  async record(entry: AnchorEntry): Promise<void> {
    await this.#reach();
    const kept = this.kept.get(entry.runId);
    if (kept !== undefined && kept.sealDigest !== entry.sealDigest)
      throw new AppError('refused', 'Cannot anchor: another');
    this.kept.set(entry.runId, entry);
  }

  async readBack({ runId }: { runId: string }): Promise<ReadBack> {
    await this.#reach();
    const entry = this.kept.get(runId);
    const readAt = new Date().toISOString();
    const lock = { mode: 'COMPLIANCE', retainUntil: new Date(Date.now() + 86_400_000).toISOString() };
    const versions = entry === undefined ? [] : [{ versionId: '1', at: readAt, entry, ...lock }];
    return { locator: this.locatorOf({ runId }), readAt, retentionMs: 1_000, versions };
  }

  async #reach(): Promise<void> {
    this.asked += 1;
    if (this.isSilent) await new Promise(() => undefined);
    if (!this.isReachable) throw new AppError('unreachable', 'Cannot reach the anchor: the network is cut');
  }
}

async function doneRun(daemon: TestDaemon, name: string): Promise<RunId> {
  const runId = await daemon.submit(name, [{ id: name }]);
  (await daemon.executor.attempt(name)).end();
  assert.equal((await waitUntil('the end', () => daemon.ended(runId), patience)).status, 'done');
  return runId;
}

async function published(daemon: TestDaemon, runId: RunId) {
  const text = (await daemon.transport.auditText(runId)) ?? '';
  const bundle = JSON.parse(text);
  const trust = await readTrustFile(join(daemon.folder, 'trust.json'));
  const verified = await verifyBundle(text, { trust });
  assert.equal(verified.intact, true, JSON.stringify(verified.failures));
  return { report: bundle.report, states: bundle.anchors.map((anchor: { state?: string }) => anchor.state ?? 'held') };
}

test('a run that reached an anchor outside is published as tamper-evident', async (t) => {
  const daemon = await aDaemon(t, [new GatedAnchor()]);

  const runId = await doneRun(daemon, 'run-1');

  const { report, states } = await published(daemon, runId);
  assert.deepEqual([report.intact, report.guarantee, report.claim], [true, 'external-immutable', 'tamper-evident']);
  assert.deepEqual(states, ['held', 'held']);
});

test('an anchor that is cut off keeps no run from its end, and each reaches it once it is back', async (t) => {
  const anchor = new GatedAnchor();
  anchor.isReachable = false;
  const daemon = await aDaemon(t, [anchor]);

  const runIds = [await doneRun(daemon, 'run-1'), await doneRun(daemon, 'run-2')];
  for (const runId of runIds) {
    const { report, states } = await published(daemon, runId);
    assert.deepEqual([report.intact, report.guarantee, states], [true, 'detect', ['held', 'pending']]);
  }
  anchor.isReachable = true;

  for (const runId of runIds) {
    const isEvident = async () => (await published(daemon, runId)).report.claim === 'tamper-evident';
    await waitUntil(`the anchor of ${runId}`, isEvident, patience);
  }
  assert.equal(daemon.lines.filter((line) => line.includes('anchored later: Cannot reach the anchor')).length, 1);
  assert.equal(daemon.lines.filter((line) => line === 'anchor s3:outside: reached again').length, 1);
});

test('what had yet to reach an anchor does so after the daemon was stopped and started', async (t) => {
  const anchor = new GatedAnchor();
  anchor.isReachable = false;
  const daemon = await aDaemon(t, [anchor]);
  const runId = await doneRun(daemon, 'run-1');

  await daemon.stop();
  anchor.isReachable = true;
  daemon.start();

  await waitUntil(
    'the anchor',
    async () => (await published(daemon, runId)).states.includes('pending') === false,
    patience,
  );
  assert.equal(anchor.kept.size, 1);
  await waitUntil('the line', () => daemon.lines.includes('run run-1: anchored'));
});

const skip = leftToNpmTest;
test('an anchor that does not answer is waited for once, not by each run or a stopping daemon', { skip }, async (t) => {
  const anchor = new GatedAnchor();
  anchor.isSilent = true;
  const daemon = await aDaemon(t, [anchor]);
  await doneRun(daemon, 'run-1');
  const asked = anchor.asked;

  const began = performance.now();
  await doneRun(daemon, 'run-2');
  await daemon.stop();
  daemon.start();

  assert.ok(asked >= 1);
  assert.ok(performance.now() - began < 4_000);
  assert.match(daemon.lines.join('\n'), /no answer within 5 s/);
});

test('an anchor that holds another entry of the run raises an alarm, and the bundle says so', async (t) => {
  const anchor = new GatedAnchor();
  anchor.kept.set('run-1', anAnchorEntry({ runId: 'run-1' }));
  const daemon = await aDaemon(t, [anchor]);

  const runId = await doneRun(daemon, 'run-1');
  const { report, states } = await published(daemon, runId);

  assert.deepEqual([report.intact, report.failure, states], [false, 'anchor-conflict', ['held', 'conflict']]);
  assert.match(daemon.lines.join('\n'), /run run-1: ALARM, anchor s3:outside disagrees: version 1 of .*, the oldest/);
  anchor.kept.clear();
  await daemon.stop();
  daemon.start();
  await waitUntil('the anchor', async () => (await published(daemon, runId)).report.intact, patience);
});

test('an anchor that the config lacks keeps a run from no other, and is left to a daemon that has it', async (t) => {
  const [first, second] = [new GatedAnchor('s3:first'), new GatedAnchor('s3:second')];
  const daemon = await aDaemon(t, [first, second]);
  for (const anchor of [first, second]) anchor.isReachable = false;
  const runId = await doneRun(daemon, 'run-1');
  for (const anchor of [first, second]) anchor.isReachable = true;
  const statesAre = async (...states: string[]) => (await published(daemon, runId)).states.join() === states.join();

  await daemon.stop();
  daemon.anchors = [second];
  daemon.start();
  await waitUntil('the anchor that is there', () => statesAre('held', 'pending', 'held'), patience);

  await daemon.stop();
  daemon.anchors = [first, second];
  daemon.start();
  await waitUntil('the other', () => statesAre('held', 'held', 'held'), patience);
});

test('a run is anchored where it was promised, whatever the config says by then', async (t) => {
  const daemon = await aDaemon(t, [new GatedAnchor('s3:first')]);
  const runId = await daemon.submit('run-1', [{ id: 'run-1' }]);
  await daemon.executor.attempt('run-1');
  const second = new GatedAnchor('s3:second');

  daemon.anchors = [second];
  const restarted = daemon.stop();
  await restarted;
  daemon.start();
  (await waitUntil('the attempt again', () => daemon.executor.started.find(({ isResumed }) => isResumed))).end();
  await waitUntil('the end', () => daemon.ended(runId), patience);

  const { report, states } = await published(daemon, runId);
  assert.deepEqual([report.intact, report.guarantee, states], [true, 'detect', ['held', 'pending']]);
  assert.equal(second.kept.size, 0);
});
