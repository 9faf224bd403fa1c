import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseStrictYaml } from '../base/strict-yaml.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import { LocalSecretStore } from '../secrets/local.ts';
import { LocalStorage } from '../storage/local.ts';
import type { NamePath } from '../storage/storage.ts';
import { planDeploy } from './deploy.ts';
import { readName } from './registered.ts';
import { applyRegistrations, type PlannedChange } from './registrations.ts';
import { registerSubagent, resolveSubagent } from './subagents.ts';

const root = await mkdtemp(join(tmpdir(), 'agora-deploy-'));
after(() => rm(root, { recursive: true, force: true }));
await mkdir(join(root, 'caps', 'hello'), { recursive: true });
await writeFile(join(root, 'caps', 'hello', 'a.txt'), 'hello');

/** Fails the write of one name, as a full disk or a lost network would. */
class FaultyStorage extends LocalStorage {
  failsAt: string | undefined;
  failsToRemove = false;
  /** After so many nothing is written any more, as by a process that was killed. */
  writesLeft = Number.POSITIVE_INFINITY;

  override async removeName(path: NamePath): Promise<void> {
    this.#countWrite();
    if (this.failsToRemove) throw new AppError('unreachable', `Cannot remove "${path.name}": no answer`);
    await super.removeName(path);
  }

  override async putName(path: NamePath, text: string): Promise<void> {
    this.#countWrite();
    if (path.name === this.failsAt) throw new AppError('disk-full', `Cannot write "${path.name}": no space left`);
    await super.putName(path, text);
  }

  override async createName(path: NamePath, text: string): Promise<boolean> {
    this.#countWrite();
    return super.createName(path, text);
  }

  #countWrite(): void {
    this.writesLeft -= 1;
    if (this.writesLeft < 0) throw new AppError('unreachable', 'Cannot write: killed');
  }
}

let places = 0;
function aPlace() {
  places += 1;
  const storage = new FaultyStorage({ root: join(root, `storage-${places}`) });
  return { storage, namespace: 'default', secrets: new LocalSecretStore({ folder: join(root, `secrets-${places}`) }) };
}
type Place = ReturnType<typeof aPlace>;

const manifest = `
namespace: default
capabilities:
  - { name: hello, from: caps/hello }
pipelines:
  - schemaVersion: 1
    id: checked
    blocks: [{ kind: agent }, { kind: capture, what: patch }]
envs:
  - name: minimal
    values: { LOG_LEVEL: info }
    secrets: { KEY: 'inline:hidden-value', OTHER: { ref: 'env:OTHER' } }
subagents:
  - name: greeter
    systemPrompt: Say hi
    capabilities: [hello]
    pipeline: checked
`;

async function plan(place: Place, text: string) {
  const document = parseStrictYaml(Buffer.from(text), { maxBytes: 1_000_000 });
  return planDeploy(place, { document, text, folder: root });
}

async function planned(place: Place, text = manifest) {
  const found = await plan(place, text);
  assert.ok(found.kind === 'plan', JSON.stringify(found));
  return found;
}

async function deploy(place: Place, text = manifest): Promise<readonly PlannedChange[]> {
  const { registrations, changes } = await planned(place, text);
  return applyRegistrations(place, registrations, changes);
}

function actions(changes: readonly PlannedChange[]): string[] {
  return changes.map(({ action, type, name }) => `${action} ${type} ${name}`);
}

async function registeredNames({ storage }: Place): Promise<string[]> {
  const types = ['capability', 'pipeline', 'env', 'subagent'] as const;
  const names = await Promise.all(types.map((type) => storage.listNames('default', type)));
  return names.flat();
}

test('a plan says what it would do and stores nothing', async () => {
  const place = aPlace();

  const { changes } = await planned(place);

  assert.deepEqual(actions(changes), [
    'create capability hello',
    'create pipeline checked',
    'create env minimal',
    'create subagent greeter',
  ]);
  assert.deepEqual(
    changes.map(({ digest }) => digest !== undefined),
    [true, true, false, true],
  );
  await assert.rejects(readdir(place.storage.root), { code: 'ENOENT' });
  assert.deepEqual(await place.secrets.list(), []);
});

test('what is deployed is what was planned, and doing it again changes nothing', async () => {
  const place = aPlace();
  const first = await deploy(place);
  for (const { type, name, digest } of first) {
    assert.equal((await readName(place.storage, 'default', type, name))?.digest, digest);
  }

  const again = await deploy(place);

  assert.deepEqual(
    again,
    first.map((change) => ({ ...change, action: 'unchanged' })),
  );
  assert.equal((await place.secrets.list()).length, 1);
});

test('a change is told as an update of that one thing', async () => {
  const place = aPlace();
  await deploy(place);

  const { changes } = await planned(place, manifest.replace('Say hi', 'Say bye'));

  assert.deepEqual(actions(changes), [
    'unchanged capability hello',
    'unchanged pipeline checked',
    'unchanged env minimal',
    'update subagent greeter',
  ]);
});

test('when one name cannot be moved, those before it go back and no secret stays', async () => {
  const place = aPlace();
  const old = await registerSubagent(place.storage, 'default', { name: 'greeter', systemPrompt: 'old' });
  const { registrations, changes } = await planned(place);
  place.storage.failsAt = 'greeter';

  await assert.rejects(applyRegistrations(place, registrations, changes), (error) => isAppError(error, 'disk-full'));

  assert.deepEqual(await registeredNames(place), ['greeter']);
  assert.equal((await readName(place.storage, 'default', 'subagent', 'greeter'))?.digest, old.digest);
  assert.deepEqual(await place.secrets.list(), []);
});

test('when names cannot be put back, it says which, keeps their secrets, and the next look puts them back', async () => {
  const place = aPlace();
  const { registrations, changes } = await planned(place);
  place.storage.failsAt = 'greeter';
  place.storage.failsToRemove = true;

  await assert.rejects(applyRegistrations(place, registrations, changes), (error) => {
    return (
      isAppError(error, 'unreachable') && /env "minimal"/.test(error.message) && isAppError(error.cause, 'disk-full')
    );
  });
  assert.equal((await place.secrets.list()).length, 1);

  place.storage.failsAt = undefined;
  place.storage.failsToRemove = false;
  assert.equal(await readName(place.storage, 'default', 'subagent', 'greeter'), undefined);
  assert.deepEqual(await registeredNames(place), []);
  assert.equal((await deploy(place)).length, 4);
});

test('killed before or after any write of a name, all names are moved or none', async () => {
  const seen = new Set<string>();
  for (let writes = 0; ; writes++) {
    const place = aPlace();
    await registerSubagent(place.storage, 'default', { name: 'greeter', systemPrompt: 'old' });
    const { registrations, changes } = await planned(place);
    place.storage.writesLeft = writes;
    const isWhole = await applyRegistrations(place, registrations, changes).then(
      () => true,
      () => false,
    );
    place.storage.writesLeft = Number.POSITIVE_INFINITY;

    const greeter = await resolveSubagent(place.storage, 'default', 'greeter');
    const state = `${greeter.subagent.systemPrompt} with ${(await registeredNames(place)).join(', ')}`;

    seen.add(state);
    if (isWhole) break;
  }
  assert.deepEqual([...seen], ['old with greeter', 'Say hi with hello, checked, minimal, greeter']);
});

test('a file that changed after the plan stops the deployment before any name is moved', async () => {
  const place = aPlace();
  const folder = join(root, 'caps', 'changing');
  await mkdir(folder);
  await writeFile(join(folder, 'a.txt'), 'before');
  const { registrations, changes } = await planned(place, manifest.replace('caps/hello', 'caps/changing'));
  await writeFile(join(folder, 'a.txt'), 'after');

  await assert.rejects(applyRegistrations(place, registrations, changes), (error) =>
    isAppError(error, 'source-refused'),
  );
  assert.deepEqual(await registeredNames(place), []);
});

const wrong = `
namespace: other
capabilities:
  - { name: hello, from: caps/missing }
  - { name: hello, from: /proc/self }
subagents:
  - name: greeter
    command: [x]
    capabilities: [hello, helo]
    pipeline: none
envs:
  - name: minimal
    secrets:
      KEY: inline:$KEY
      ODD: hidden
`;

test('a manifest with repeated names is told where', async () => {
  const found = await plan(aPlace(), wrong);

  assert.ok(found.kind === 'invalid');
  assert.deepEqual(found.problems, [
    { place: { line: 5, column: 5 }, message: 'capabilities[1]: "hello" is there already, as capabilities[0]' },
  ]);
});

test('everything that is wrong with a manifest is told at once, each where it stands', async () => {
  const found = await plan(aPlace(), wrong.replace('hello, from: /proc/self', 'proc, from: /proc/self/fd'));

  assert.ok(found.kind === 'invalid');
  assert.deepEqual(
    found.problems.map(({ place }) => place.line).sort((left, right) => left - right),
    [2, 4, 5, 9, 10, 14, 15],
  );
  assert.ok(!JSON.stringify(found.problems).includes('hidden'));
});

test('a credential anywhere in the text is refused with its line and without itself', async () => {
  const token = `sk_live_${'a1'.repeat(12)}`;
  const found = await plan(aPlace(), manifest.replace('hidden-value', token));

  assert.ok(found.kind === 'invalid');
  assert.deepEqual(
    found.problems.map(({ place }) => place.line),
    [12],
  );
  assert.ok(!JSON.stringify(found.problems).includes(token));
});

test('a manifest that is empty, or no manifest, is told as such', async () => {
  for (const text of ['', '[]', 'hello', '{capabilities: {}}', '{capabilites: []}', '{subagents: [null]}']) {
    const found = await plan(aPlace(), text);
    assert.equal(found.kind, 'invalid', text);
  }
  assert.equal((await plan(aPlace(), '{}')).kind, 'plan');
});
