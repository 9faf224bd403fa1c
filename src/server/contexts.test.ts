import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { digestOf } from '../base/hash.ts';
import { isAppError } from '../contracts/errors.ts';
import { hostSpecSchema } from '../contracts/host-spec.ts';
import { digestSchema } from '../contracts/ids.ts';
import { type ContextLimits, defaultContextLimits } from './context-room.ts';
import { Contexts } from './contexts.ts';
import { startServer, TestAgent } from './suite-server.ts';

const dayMs = 86_400_000;
const digestFor = (text: string) => digestSchema.parse(digestOf(text));
const fileOf = (text: string) => `${digestFor(text).slice(7)}.tar`;

interface PlaceOptions {
  readonly limits?: Partial<ContextLimits>;
  /** What specs name now, and what only older revisions do. */
  readonly now?: readonly string[];
  readonly before?: readonly string[];
}

async function aPlace(t: TestContext, { limits, now = [], before = [] }: PlaceOptions = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'agora-contexts-'));
  t.after(() => rm(folder, { recursive: true }));
  const contexts = new Contexts({
    folder,
    limits: { ...defaultContextLimits, ...limits },
    used: () => ({ now: new Set(now.map(digestFor)), ever: new Set([...now, ...before].map(digestFor)) }),
    log: (line) => t.diagnostic(line),
  });
  const put = (text: string, content = pieces(text)) => contexts.put(digestFor(text), text.length, content);
  const names = async () => (await readdir(folder)).sort();
  return { folder, contexts, put, names };
}

async function* pieces(...texts: string[]) {
  for (const text of texts) yield Buffer.from(text);
}

/** As if nobody had asked for anything since. */
async function age(folder: string, ms = 2 * dayMs): Promise<void> {
  const at = new Date(Date.now() - ms);
  for (const name of await readdir(folder)) await utimes(join(folder, name), at, at);
}

test('a context that is not what its digest says, or does not come to its end, leaves nothing', async (t) => {
  const { put, names } = await aPlace(t);
  const broken = async function* () {
    yield Buffer.from('a');
    throw new Error('cut');
  };

  await assert.rejects(put('ab', pieces('a')), (error) => isAppError(error, 'invalid-input'));
  await assert.rejects(put('ab', pieces('ab', 'c')), (error) => isAppError(error, 'invalid-input'));
  await assert.rejects(put('ab', broken()), /cut/);
  assert.deepEqual(await names(), []);
});

test('what no revision names goes after a day, but not while somebody asks for it', async (t) => {
  const { contexts, folder, put, names } = await aPlace(t, { now: ['named'], before: ['named before'] });
  for (const text of ['named', 'named before', 'asked', 'forgotten']) await put(text);
  await age(folder);
  await writeFile(join(folder, '.half.tmp'), 'left by a server that was killed');
  await put('new');

  assert.equal(await contexts.sizeOf(digestFor('asked')), 5);
  await contexts.prune(Date.now());

  assert.deepEqual(await names(), ['named', 'named before', 'asked', 'new'].map(fileOf).sort());
  assert.equal(await contexts.sizeOf(digestFor('forgotten')), undefined);
});

test('what is being handed in is no leftover', async (t) => {
  const { contexts, put, names } = await aPlace(t);
  const slow = async function* () {
    yield Buffer.from('a');
    await contexts.prune(Date.now());
    yield Buffer.from('b');
  };

  await put('ab', slow());

  assert.deepEqual(await names(), [fileOf('ab')]);
});

test('older contexts make room for a new one, those that a spec names now or soon do not', async (t) => {
  const { contexts, folder, put, names } = await aPlace(t, {
    limits: { totalBytes: 100 },
    now: ['n'.repeat(30)],
    before: ['a'.repeat(30), 'b'.repeat(30)],
  });
  await put('a'.repeat(30));
  await age(folder);
  await put('b'.repeat(30));
  await age(folder, 1_000);
  await put('n'.repeat(30));

  await put('c'.repeat(30));
  assert.deepEqual(await names(), ['b', 'n', 'c'].map((each) => fileOf(each.repeat(30))).sort());
  const isRefused = (error: unknown) =>
    isAppError(error, 'limit-exceeded') && /60 B .* may keep 100 B$/.test(error.message);
  await assert.rejects(put('d'.repeat(50)), isRefused);
  await assert.rejects(contexts.refuseWithoutRoom(50), isRefused);
  assert.equal((await names()).length, 3);
});

test('of several that come at once, only those for which there is room are taken', async (t) => {
  const { put, names } = await aPlace(t, { limits: { totalBytes: 100 } });

  const outcomes = await Promise.allSettled(['a', 'b', 'c', 'd'].map((each) => put(each.repeat(40))));

  assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'fulfilled', 'rejected', 'rejected']);
  assert.equal((await names()).length, 2);
});

test('a disk that is nearly full takes no context, and is not written to', async (t) => {
  if (process.geteuid?.() !== 0) return t.skip('only root can make a small disk');
  const { contexts, folder, put, names } = await aPlace(t);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]);
  try {
    const unread = async function* () {
      yield Buffer.from(assert.fail('it was read'));
    };

    await assert.rejects(put('x'.repeat(63_000), unread()), (error) => isAppError(error, 'disk-full'));
    await assert.rejects(contexts.refuseWithoutRoom(63_000), (error) => isAppError(error, 'disk-full'));
    assert.deepEqual(await names(), []);
    await put('x'.repeat(40_000));
    assert.equal((await names()).length, 1);
  } finally {
    execFileSync('umount', [folder]); // Before the folder itself is removed.
  }
});

const specOf = (...contexts: string[]) =>
  hostSpecSchema.parse({
    schemaVersion: 1,
    images: Object.fromEntries(contexts.map((each, at) => [`i${at}`, { build: { context: digestFor(each) } }])),
  });

async function aHost(t: TestContext) {
  const server = await startServer(t, { contextLimits: { totalBytes: 100, hostBytes: 60 } });
  const { joinToken } = await server.admin.call('createJoinToken', { body: {} });
  const agent = new TestAgent(server.url);
  await agent.register({ joinToken });
  const hand = (text: string) => {
    const params = { digest: digestFor(text) };
    return server.admin.call('putContext', { params, query: { sizeBytes: text.length }, body: Buffer.from(text) });
  };
  const apply = (...contexts: string[]) =>
    server.admin.call('applySpec', { params: { host: 'box' }, body: { spec: specOf(...contexts) } });
  return { ...server, agent, hand, apply };
}

test('a host gets the contexts that its own specs name, and no other', async (t) => {
  const { agent, hand, apply } = await aHost(t);
  await hand('mine');
  await hand('other');
  await apply('mine');
  const fetched = async (content: string) => {
    const { body, headers } = await agent.client.send('fetchContext', { params: { digest: digestFor(content) } });
    assert.ok(body !== null);
    assert.equal(headers.get('content-length'), String(content.length));
    return await textOf(body);
  };

  assert.equal(await fetched('mine'), 'mine');
  await assert.rejects(fetched('other'), (error) => isAppError(error, 'not-found'));
});

test('the sizes of a spec are refused before anything is handed in, and again when it is applied', async (t) => {
  const { admin, hand, apply } = await aHost(t);
  const [a, b] = ['a'.repeat(40), 'b'.repeat(40)];
  const params = { digest: digestFor(a) };
  const isRefused = (error: unknown) => isAppError(error, 'limit-exceeded') && /80 B, .* 60 B$/.test(error.message);

  await assert.rejects(admin.call('hasContext', { params, query: { sizeBytes: 40, hostBytes: 80 } }), isRefused);
  await assert.rejects(admin.call('hasContext', { params, query: { sizeBytes: 101 } }), (error) =>
    isAppError(error, 'limit-exceeded'),
  );
  assert.deepEqual(await admin.call('hasContext', { params, query: { sizeBytes: 40 } }), { exists: false });
  await hand(a);
  await hand(b);
  await assert.rejects(apply(a, b), isRefused);
  await apply(a);
  await apply(b);
  await hand('c'.repeat(50)); // What only an older revision names made room for it.
  await assert.rejects(apply(a), (error) => isAppError(error, 'not-found'));
  await apply(b, b);
});

test('a server that starts removes what nobody needs', async (t) => {
  const first = await startServer(t);
  const folder = join(first.folder, 'contexts');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, '.half.tmp'), 'x');

  await first.restart();

  await waitUntil('it to be gone', async () => (await readdir(folder)).length === 0, { timeoutMs: 3_000 });
});
