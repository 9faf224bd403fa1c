import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { runIdSchema } from '../../src/contracts/ids.ts';
import { badPlans } from '../support/bad-plans.ts';
import type { Project } from '../support/project.ts';
import { item, shellProject, submit, transportOf, watched } from '../support/shell-project.ts';

const inbox = 'mailbox/orchestrator/submissions';
/** What a terminal would act on. */
const acting = /(?!\n)[\p{Cc}\p{Cf}]/u;

test('bad plans are refused with every problem and its path, leave nothing, and the daemon goes on', async (t) => {
  const project = await shellProject(t, 'process', { source: { 'a.txt': 'a\n' } });
  await project.serve();
  for (const { name, content } of badPlans) await writeFile(join(project.folder, `${name}.json`), content);
  await writeFile(join(project.folder, 'empty.json'), '');
  await mkdir(join(project.folder, 'folder.json'));
  const before = await stateOf(project);

  for (const { name, says } of badPlans) {
    const refused = await project.agora(['orch', 'submit', `${name}.json`]);

    assert.deepEqual([name, refused.code, refused.stdout], [name, 2, '']);
    for (const expected of says) assert.match(refused.stderr, expected, name);
    assert.ok(refused.stderr.length < 10_000, `${name}: ${refused.stderr.length} characters are too many to read`);
  }
  for (const name of ['empty.json', 'folder.json', 'missing.json', '-']) {
    const refused = await project.agora(['orch', 'submit', name]);
    assert.deepEqual([name, refused.code, refused.stdout], [name, 2, '']);
    assert.match(refused.stderr, name === '-' ? /"standard input"/ : new RegExp(`"${name}"`));
  }

  assert.deepEqual(await stateOf(project), before);
  assert.equal((await watched(project, await submit(project, 'good', [item('only', 'true')]))).code, 0);
  const other = await project.writePlan({ id: 'good', items: [item('only', 'false')] });
  const taken = await project.agora(['orch', 'submit', other]);
  assert.deepEqual([taken.code, taken.stdout], [2, '']);
  assert.match(taken.stderr, /another plan was submitted under this id\n.*--id/);
});

test('a plan is read from standard input', async (t) => {
  const project = await shellProject(t, 'process');
  const plan = JSON.stringify({ id: 'piped', items: [item('only', 'true')] });

  const piped = await project.agora(['orch', 'submit', '-', '--id', 'renamed'], plan);

  assert.deepEqual([piped.code, piped.stdout], [0, 'renamed\n']);
});

test('bad plans written into the inbox by hand are rejected, and watch says so and ends', async (t) => {
  const project = await shellProject(t, 'process');
  const daemon = await project.serve();
  const envelope = { format: 'agora/submission/v1', actor: 'human:hand', submittedAt: new Date().toISOString() };
  const source = { snapshot: `sha256:${'0'.repeat(64)}`, sizeBytes: 1, fileCount: 1, directory: '/nowhere' };
  const plan = (id: string) => JSON.stringify({ id, items: [item('only', 'true')] });
  const byHand = [
    ...badPlans,
    { name: 'empty', content: '', says: [/line 1/] },
    { name: 'other-id', content: plan('another'), says: [/ id: is "another", but it was submitted as "other-id"/] },
    { name: 'gone-source', content: plan('gone-source'), more: { source }, says: [/source: .*not in storage/] },
    { name: 'escapes', content: planOfKey('\u001b[2Jkey\u202e'), says: [/items\[0\]\.key: unknown key$/m] },
    { name: 'no-actor', content: plan('no-actor'), more: { actor: 5 }, says: [/actor: /] },
  ];

  for (const { name, content, ...given } of byHand) {
    const head = JSON.stringify({ ...envelope, ...('more' in given ? given.more : {}) }).slice(0, -1);
    await writeByHand(project, `${name}/hand.json`, name === 'empty' ? content : `${head},"plan":${content}}`);
  }
  await writeByHand(project, 'bare-plan/hand.json', plan('bare-plan'));
  await writeByHand(project, '-not-an-id/hand.json', plan('-not-an-id'));
  await writeByHand(project, 'a-folder/hand.json/inside', '');

  for (const { name, says } of [...byHand, { name: 'bare-plan', says: [/format: .*agora\/submission\/v1/] }]) {
    const seen = await project.agora(['orch', 'watch', name]);
    assert.deepEqual([name, seen.code, seen.stdout], [name, 1, '']);
    for (const expected of says) assert.match(seen.stderr, expected, name);
    assert.doesNotMatch(seen.stderr, acting);
  }
  assert.doesNotMatch(daemon.stderr(), acting, 'nothing of a plan acts on the terminal of the daemon');
  assert.equal((await watched(project, await submit(project, 'good', [item('only', 'true')]))).code, 0);
  await waitUntil('the inbox to be empty', async () => (await submissions(project)).length === 0);
  // A good plan may still take the id of a rejected one.
  assert.equal((await watched(project, await submit(project, 'cycle', [item('only', 'true')]))).code, 0);
  assert.equal(await transportOf(project).rejected(runIdSchema.parse('cycle')), undefined);
});

function planOfKey(key: string): string {
  return JSON.stringify({ id: 'escapes', items: [{ ...item('only', 'true'), [key]: 1 }] });
}

async function writeByHand(project: Project, path: string, text: string): Promise<void> {
  const file = join(project.folder, '.agora', inbox, path);
  const draft = join(project.folder, 'draft');
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(draft, text);
  await rename(draft, file); // The inbox reads a file as soon as it is there.
}

async function submissions(project: Project): Promise<string[]> {
  const folder = join(project.folder, '.agora', inbox);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

/** Every file of the state folder with the hash of its bytes, but for what an idle daemon writes itself. */
async function stateOf(project: Project): Promise<string[]> {
  const root = join(project.folder, '.agora');
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name !== 'daemon.json');
  const hashed = files.map(async (entry) => {
    const path = join(entry.parentPath, entry.name);
    return `${path} ${createHash('sha256')
      .update(await readFile(path))
      .digest('hex')}`;
  });
  return (await Promise.all(hashed)).sort();
}
