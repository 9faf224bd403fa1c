import assert from 'node:assert/strict';
import { mkdir, open, readFile, rmdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { runIdSchema } from '../../src/contracts/ids.ts';
import { mailboxKeys } from '../../src/contracts/mailbox.ts';
import type { Project } from '../support/project.ts';
import { providerPlaces } from '../support/provider-place.ts';
import { intactBundle, item, patience, shellProject, submit, transportOf, watched } from '../support/shell-project.ts';

const place = (await providerPlaces()).find(({ name }) => name === 'process');
const skip = place?.skip ?? false;

interface Damage {
  readonly title: string;
  /** In the state folder. */
  readonly file: string;
  readonly content: string | Uint8Array;
  /** What the daemon says, besides the next step. */
  readonly says: RegExp;
}

const damages: readonly Damage[] = [
  { title: 'a state.db that is no database', file: 'state.db', content: 'nonsense '.repeat(2_000), says: /state\.db/ },
  {
    title: 'a deployment.json without an id',
    file: 'deployment.json',
    content: '{"deploymentId":7}',
    says: /deployment\.json/,
  },
  {
    title: 'a deployment.json of another folder',
    file: 'deployment.json',
    content: JSON.stringify({ deploymentId: 'f'.repeat(32) }),
    says: /belongs to deployment/,
  },
  { title: 'a key that is none', file: 'keys/seal.pem', content: 'not a key', says: /seal\.pem/ },
  { title: 'a trust.json that is no JSON', file: 'trust.json', content: '{"keys":', says: /trust\.json/ },
  {
    title: 'a serve.lock that is no database',
    file: 'serve.lock',
    content: 'nonsense '.repeat(2_000),
    says: /serve\.lock/,
  },
];

for (const { title, file, content, says } of damages) {
  test(`${title} is reported with the next step, and left as it is`, { skip }, async (t) => {
    const project = await servedOnce(t);
    const path = join(project.folder, '.agora', file);
    const whole = await readFile(path);
    await writeFile(path, content);

    const refused = await project.agora(['orch', 'serve']);

    assert.equal(refused.code, 3, refused.stderr);
    assert.match(refused.stderr, says);
    assert.match(refused.stderr, /next: \w/);
    assert.doesNotMatch(refused.stderr, /defect of agora/);
    assert.deepEqual(await readFile(path), Buffer.from(content));
    await writeFile(path, whole);
    await assertGoesOn(project);
  });
}

test('a state.db of a newer version is reported with the next step, and left as it is', { skip }, async (t) => {
  const project = await servedOnce(t);
  const setVersion = (version: number) => {
    const database = new DatabaseSync(join(project.folder, '.agora', 'state.db'));
    const before = Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
    database.exec(`PRAGMA user_version = ${version}`);
    database.close();
    return before;
  };
  const version = setVersion(999);

  const refused = await project.agora(['orch', 'serve']);

  assert.equal(refused.code, 3);
  assert.match(refused.stderr, /schema version 999[\s\S]*next: Use the newer Agora/);
  assert.equal(setVersion(version), 999);
  await assertGoesOn(project);
});

test('a state.db damaged in its middle is reported, and its finished runs can still be audited', {
  skip,
}, async (t) => {
  const project = await servedOnce(t);
  const file = await open(join(project.folder, '.agora', 'state.db'), 'r+');
  const { size } = await file.stat();
  await file.write(Buffer.alloc(size - 4_096, 0xa5), 0, size - 4_096, 4_096);
  await file.close();

  const refused = await project.agora(['orch', 'serve']);

  assert.equal(refused.code, 3, refused.stderr);
  assert.match(refused.stderr, /state\.db[\s\S]*next: Move the file aside/);
  await intactBundle(project, runIdSchema.parse('before'));
});

test('a trust file or bundle that is damaged fails the audit with exit code 3 or 1, never passes it', {
  skip,
}, async (t) => {
  const project = await servedOnce(t);
  const audit = () => project.agora(['orch', 'audit', 'before']);
  const trust = join(project.folder, '.agora', 'trust.json');
  const whole = await readFile(trust);

  await writeFile(trust, '{"keys":');
  const distrusted = await audit();
  await writeFile(trust, whole);
  const bundle = join(project.folder, '.agora', 'mailbox', mailboxKeys.audit(runIdSchema.parse('before')));
  await writeFile(bundle, 'no bundle');
  const damaged = await audit();

  assert.deepEqual([distrusted.code, damaged.code], [3, 1], distrusted.stderr + damaged.stderr);
});

test('garbage in the mailbox is refused or left alone, told, and keeps no run from going on', { skip }, async (t) => {
  const project = await shellProject(t, 'process');
  const root = join(project.folder, '.agora', 'mailbox', 'orchestrator');
  const submissions = join(root, 'submissions');
  await mkdir(join(submissions, 'folder', 'deep.json', 'deeper'), { recursive: true });
  await mkdir(join(submissions, 'odd name ;rm -rf'), { recursive: true });
  await mkdir(join(submissions, '-rf'), { recursive: true });
  await mkdir(join(root, 'control', 'nobody'), { recursive: true });
  await mkdir(join(root, 'runs', 'with', 'status', '000000000000.json'), { recursive: true });
  await writeFile(join(submissions, 'loose.json'), '{}');
  await writeFile(join(submissions, '-rf', 'plan.json'), '{}');
  await writeFile(join(submissions, 'odd name ;rm -rf', 'plan.json'), '{}');
  await writeFile(join(submissions, 'folder', 'bytes.json'), Buffer.from([0xff, 0xfe, 0, 0x80]));
  await writeFile(join(submissions, 'folder', 'empty.json'), '');
  await writeFile(join(root, 'control', 'nobody', 'x.json'), '[1, 2');
  await writeFile(join(root, 'daemon.json'), '{"pid": "none"}');
  await symlink('/etc/passwd', join(submissions, 'folder', 'link.json'));
  const huge = await open(join(submissions, 'folder', 'huge.json'), 'w');
  await huge.truncate(8 * 1024 ** 3);
  await huge.close();

  const daemon = await project.serve();
  const runId = await submit(project, 'fine', [item('a', 'true')]);
  const ended = await watched(project, runId);

  assert.equal(ended.code, 0);
  await intactBundle(project, runId);
  const { mailbox } = transportOf(project);
  await waitUntil(
    'an inbox without garbage',
    async () => {
      const left = await Promise.all(
        [mailboxKeys.submissions, mailboxKeys.control].map((prefix) => mailbox.list(prefix)),
      );
      return left.flat().length === 0;
    },
    patience,
  );
  assert.match(daemon.stderr(), /folder: rejected/);
  assert.equal(daemon.child.exitCode, null);
  assert.match(await readFile('/etc/passwd', 'utf8'), /root/);
});

test('a message the daemon cannot put where a folder is in the way is told, and delivered once that is gone', {
  skip,
}, async (t) => {
  const project = await shellProject(t, 'process');
  const inTheWay = join(project.folder, '.agora', 'mailbox', mailboxKeys.audit(runIdSchema.parse('blocked')));
  await mkdir(inTheWay, { recursive: true });
  const daemon = await project.serve();
  const runId = await submit(project, 'blocked', [item('a', 'true')]);
  await waitUntil('the line', () => daemon.stderr().includes('cannot publish its bundle, trying again'), patience);

  await rmdir(inTheWay);

  assert.equal((await watched(project, runId)).code, 0);
  await intactBundle(project, runId);
});

/** A project with a finished run, whose daemon has ended. */
async function servedOnce(t: TestContext): Promise<Project> {
  const project = await shellProject(t, 'process');
  const daemon = await project.serve();
  assert.equal((await watched(project, await submit(project, 'before', [item('a', 'echo a > a.txt')]))).code, 0);
  daemon.child.kill('SIGTERM');
  assert.equal((await daemon.finished).code, 0);
  return project;
}

async function assertGoesOn(project: Project): Promise<void> {
  const daemon = await project.serve();
  assert.equal((await watched(project, await submit(project, 'after', [item('a', 'true')]))).code, 0, daemon.stderr());
}
