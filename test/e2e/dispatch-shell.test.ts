import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { type DispatchShell, dispatchShellSchema } from '../../src/contracts/dispatch.ts';
import { type DispatchId, dispatchIdSchema } from '../../src/contracts/ids.ts';
import { LocalStorage } from '../../src/storage/local.ts';
import { engineForTests } from '../support/engine.ts';
import type { Project, Running } from '../support/project.ts';
import { dockerPlace, printed } from '../support/provider-place.ts';
import { patience, shellProject } from '../support/shell-project.ts';
import { aTerminal } from '../support/terminal.ts';

const { engine, skip } = await engineForTests();
const place = dockerPlace(engine?.address ?? '', skip);
const secret = 'whisper-4711-whisper';

/** A dispatch that waits for a file, so that its worktree is there to be looked at. */
async function waitingDispatch(project: Project): Promise<{ readonly id: DispatchId; readonly run: Running }> {
  project.env['SHELL_TEST_TOKEN'] = secret;
  const script = 'echo begun; until [ -e go ]; do sleep 0.1; done; cat go';
  const words = [
    '--subagent',
    'shell',
    '--input',
    JSON.stringify({ script }),
    '--secret',
    'TOKEN=env:SHELL_TEST_TOKEN',
  ];
  const run = project.start('agora', ['dispatch', 'run', ...words]);
  const hasEnded = () => run.child.exitCode !== null && 'ended';
  const id = await waitUntil('the dispatch', () => /d-[a-z2-7]{26}/.exec(run.stderr())?.[0] ?? hasEnded(), patience);
  assert.notEqual(id, 'ended', run.stderr());
  const dispatchId = dispatchIdSchema.parse(id);
  await printed(place, project, dispatchId, 'begun');
  return { id: dispatchId, run };
}

test('a shell sees and changes the live worktree; it is recorded without secrets, and the patch is told to be touched', {
  skip,
}, async (t) => {
  const project = await shellProject(t, place.compute);
  const { id, run } = await waitingDispatch(project);
  const typed = `id -u; cat $AGORA_INPUT; pwd; env | grep -c TOKEN; echo ${secret}; printf 'a\\007\\377b\\n'; echo by hand > go; exit 7\n`;

  const shell = await project.agora(['dispatch', 'shell', id, '--actor', 'human:ada'], typed);
  const ended = await run.finished;

  assert.equal(shell.code, 7, shell.stderr);
  assert.match(shell.stdout, /^1000\s+\{"script":.*\/workspace\s+0\s/m);
  assert.match(shell.stderr, /human-touched/);
  const result = JSON.parse(ended.stdout);
  assert.deepEqual([ended.code, result.status, result.humanTouched], [0, 'done', true]);
  const [record] = await shellsOf(project);
  assert.deepEqual([record?.dispatchId, record?.actor], [id, 'human:ada']);
  assert.ok(record?.closedAt !== undefined && record.closedAt >= record.openedAt);
  const [, get] = /(artifact get \S+) --out shell\.cast$/m.exec(shell.stderr) ?? [];
  const recording = await project.agora((get ?? '').split(' '));
  const [header, ...events] = recording.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual([header.version, header.width, header.height], [2, 80, 24]);
  assert.ok(events.every(([at, kind, text]) => at >= 0 && kind === 'o' && typeof text === 'string'));
  const seen = events.map(([, , text]) => text).join('');
  assert.match(seen, /<redacted:TOKEN>/);
  assert.ok(seen.includes('a\u0007\uFFFDb'));
  assert.equal(recording.stdout.includes(secret), false);
  const described = await project.agora(['dispatch', 'describe', id]);
  assert.match(described.stdout, new RegExp(`shell +human:ada, .*: ${record?.recording}$`, 'm'));
});

test('on a terminal keys go through one by one, its size is the shell’s, and Ctrl-P Ctrl-Q leaves it', {
  skip,
}, async (t) => {
  const project = await shellProject(t, place.compute);
  const { id, run } = await waitingDispatch(project);
  const program = `stty rows 33 cols 101; exec agora dispatch shell ${id}`;
  const { type, shows, ended } = aTerminal(t, project, program);

  await shows(/\$ $/);
  type(`node -p 'process.stdout.getWindowSize().join(" by ")'\r`);
  await shows('101 by 33');
  type('sh -c "echo ready-$((1 + 1)); exec cat"\r');
  await shows('ready-2');
  type('sent at once\r');
  await shows(/sent at once\s+sent at once/);
  type('\u0003');
  await shows('^C');
  type('\u0010\u0011');
  const left = await ended;
  const again = await project.agora(['dispatch', 'shell', id], 'echo hi > go\n');

  assert.equal(left.code, 0, left.shown);
  assert.match(left.shown, /left; what runs in the shell goes on/);
  assert.equal(again.code === 0 || again.code === 137, true, `${again.code} ${again.stderr}`);
  assert.equal((await run.finished).code, 0);
});

test('a shell that nobody sees any more is left in order: its reader gone, its terminal gone', { skip }, async (t) => {
  const project = await shellProject(t, place.compute);
  const { id, run } = await waitingDispatch(project);
  const terminal = aTerminal(t, project, `exec agora dispatch shell ${id}`);
  await terminal.shows(/\$ $/);

  terminal.hangUp();
  await project.shell(`yes ls | head -100 | agora dispatch shell ${id} | head -1`);

  const isInOrder = async () => (await shellsOf(project)).every(({ recording }) => recording !== undefined);
  await waitUntil('the recordings', isInOrder, patience);
  assert.equal((await shellsOf(project)).length, 2);
  await project.agora(['dispatch', 'shell', id], 'echo > go\n');
  assert.equal((await run.finished).code, 0);
});

test('Ctrl-C while a shell opens stops that, and leaves the dispatch alone', { skip }, async (t) => {
  const project = await shellProject(t, place.compute);
  const { id, run } = await waitingDispatch(project);

  const shell = project.start('agora', ['dispatch', 'shell', id], 'cat\n');
  await waitUntil('its record', async () => (await shellsOf(project)).length > 0, patience);
  shell.child.kill('SIGINT');
  const { code, stderr } = await shell.finished;

  assert.equal(code, 130, stderr);
  assert.doesNotMatch(stderr, /defect/);
  await project.agora(['dispatch', 'shell', id], 'echo > go\n');
  assert.equal((await run.finished).code, 0);
});

test('a shell whose worker is killed says so', { skip }, async (t) => {
  const project = await shellProject(t, place.compute);
  const { id } = await waitingDispatch(project);
  const terminal = aTerminal(t, project, `exec agora dispatch shell ${id}`);
  await terminal.shows(/\$ $/);

  await place.killSupervisor(project, id);
  const { code, shown } = await terminal.ended;

  assert.equal(code, 137, shown);
  assert.match(shown, /the shell was killed, as it is when its worker ends/);
});

test('there is no shell into a dispatch that has ended', { skip }, async (t) => {
  const project = await shellProject(t, place.compute);
  const words = ['--subagent', 'shell', '--input', '{"script":"true"}'];
  const { stdout } = await project.agora(['dispatch', 'run', ...words]);

  const shell = await project.agora(['dispatch', 'shell', JSON.parse(stdout).dispatchId], 'id\n');

  assert.deepEqual([shell.code, shell.stdout], [3, '']);
  assert.match(shell.stderr, /Cannot open a shell into "d-.*": it is done/);
});

/** What is known of the shells that were opened in a project. */
async function shellsOf({ folder }: Project): Promise<DispatchShell[]> {
  const storage = new LocalStorage({ root: `${folder}/.agora/storage` });
  const names = await storage.listNames('default', 'dispatch-shell');
  const read = (name: string) => storage.getName({ namespace: 'default', type: 'dispatch-shell', name });
  return Promise.all(names.map(async (name) => dispatchShellSchema.parse(JSON.parse((await read(name)) ?? ''))));
}
