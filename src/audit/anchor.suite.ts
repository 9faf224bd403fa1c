import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import type { Anchor } from './anchor.ts';
import { anchorSeal } from './anchored-seal.ts';
import { aRun, aSigner, seal } from './sample-run.suite.ts';
import { anchorEntryOf } from './seal.ts';

export interface AnchorSuiteOptions {
  /** Two of what is opened lately share what they keep. */
  readonly open: () => Promise<readonly [Anchor, Anchor]>;
  readonly skip?: string | false;
}

/** What every anchor does. */
export function anchorSuite(name: string, { open, skip = false }: AnchorSuiteOptions): void {
  const { signal } = new AbortController();
  const entryOf = async (runId: string, by = aSigner()) => {
    const run = aRun({ runId });
    return anchorEntryOf(run.origin, await seal(run, by));
  };

  test(`${name}: holds nothing of a run that was not anchored`, { skip }, async () => {
    const [anchor] = await open();

    const { versions } = await anchor.readBack(await entryOf('never'));

    assert.deepEqual(versions, []);
  });

  test(`${name}: what was recorded is read back, by another one too`, { skip }, async () => {
    const [anchor, other] = await open();
    const entry = await entryOf('run-1');

    await anchor.record(entry);

    for (const each of [anchor, other]) {
      const { versions } = await each.readBack(entry);
      assert.deepEqual(
        versions.map((version) => version.entry),
        [entry],
      );
    }
  });

  test(`${name}: a run is anchored once, by several at once too`, { skip }, async () => {
    const [anchor, other] = await open();
    const entry = await entryOf('run-1');

    await Promise.all([anchor.record(entry), other.record(entry)]);
    await anchor.record(entry);

    const { versions } = await anchor.readBack(entry);
    assert.ok(versions.every((version) => version.entry?.sealDigest === entry.sealDigest));
    assert.equal((await anchorSeal(anchor, entry, signal)).evidence.state ?? 'held', 'held');
  });

  test(`${name}: another seal of the run is refused and changes nothing`, { skip }, async () => {
    const [anchor] = await open();
    const entry = await entryOf('run-1');
    await anchor.record(entry);

    await assert.rejects(anchor.record(await entryOf('run-1')), (error: unknown) => isAppError(error, 'refused'));

    const { versions } = await anchor.readBack(entry);
    assert.deepEqual(
      versions.map((version) => version.entry),
      [entry],
    );
  });

  test(`${name}: runs whose names begin alike are not confused`, { skip }, async () => {
    const [anchor] = await open();
    const entries = [await entryOf('run-1'), await entryOf('run-10'), await entryOf('run-1.1')];

    for (const entry of entries) await anchor.record(entry);

    for (const entry of entries) assert.equal((await anchor.readBack(entry)).versions.length, 1);
  });
}
