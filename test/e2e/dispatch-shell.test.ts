import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { signalGroup } from '../../src/base/process-sweep.ts';
import { dispatchShellSchema } from '../../src/contracts/dispatch.ts';
import { type DispatchId, digestSchema, dispatchIdSchema } from '../../src/contracts/ids.ts';
import { LocalStorage } from '../../src/storage/local.ts';
import { engineForTests } from '../support/engine.ts';
import type { Project, Running } from '../support/project.ts';
import { dockerPlace, printed } from '../support/provider-place.ts';
import { patience, shellProject } from '../support/shell-project.ts';

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
  const id = await waitUntil('the dispatch', () => /d-[a-z2-7]{26}/.exec(run.stderr())?.[0], patience);
  const dispatchId = dispatchIdSchema.parse(id);
  await printed(place, project, dispatchId, 'begun');
  return { id: dispatchId, run };
}

test('a shell sees and changes the live worktree; it is recorded without secrets, and the patch is told to be touched', {
  skip,
}, async (t) => {
  const project = await shellProject(t, place.compute);
  const { id, run } = await waitingDispatch(project);
  const typed = `id -u; pwd; env | grep -c TOKEN; echo ${secret}; echo by hand > go; exit 7\n`;

  const shell = await project.agora(['dispatch', 'shell', id, '--actor', 'human:ada'], typed);
  const ended = await run.finished;

  assert.equal(shell.code, 7, shell.stderr);
  assert.match(shell.stdout, /^1000\s+\/workspace\s+0\s/m);
  assert.match(shell.stderr, /human-touched/);
  const result = JSON.parse(ended.stdout);
  assert.deepEqual([ended.code, result.status, result.humanTouched], [0, 'done', true]);
  const storage = new LocalStorage({ root: `${project.folder}/.agora/storage` });
  const [name = ''] = await storage.listNames('default', 'dispatch-shell');
  const record = dispatchShellSchema.parse(
    JSON.parse((await storage.getName({ namespace: 'default', type: 'dispatch-shell', name })) ?? ''),
  );
  assert.deepEqual([record.dispatchId, record.actor], [id, 'human:ada']);
  assert.ok(record.closedAt !== undefined && record.closedAt >= record.openedAt);
  const recording = await textOf(storage, digestSchema.parse(record.recording));
  assert.match(recording, /^\{"version":2,"width":80,/);
  assert.match(recording, /<redacted:TOKEN>/);
  assert.equal(recording.includes(secret), false);
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

test('there is no shell into a dispatch that has ended', { skip }, async (t) => {
  const project = await shellProject(t, place.compute);
  const words = ['--subagent', 'shell', '--input', '{"script":"true"}'];
  const { stdout } = await project.agora(['dispatch', 'run', ...words]);

  const shell = await project.agora(['dispatch', 'shell', JSON.parse(stdout).dispatchId], 'id\n');

  assert.deepEqual([shell.code, shell.stdout], [3, '']);
  assert.match(shell.stderr, /Cannot open a shell into "d-.*": it is done/);
});

/** A program on a terminal of its own, as `script` makes it. */
function aTerminal(t: TestContext, project: Project, program: string) {
  const { folder: cwd, env } = project;
  const child = spawn('script', ['-qec', program, '/dev/null'], { cwd, env, detached: true });
  t.after(() => child.pid !== undefined && signalGroup(child.pid, 'SIGKILL'));
  let shown = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
  });
  return {
    type: (keys: string) => child.stdin.write(keys),
    shows: async (text: string | RegExp) => {
      const isShown = () => (typeof text === 'string' ? shown.includes(text) : text.test(shown));
      await waitUntil(`${text}`, isShown, patience).catch((cause) =>
        assert.fail(`${cause}; it shows ${JSON.stringify(shown)}`),
      );
    },
    ended: once(child, 'exit').then(([code]) => ({ code, shown })),
  };
}

async function textOf(storage: LocalStorage, digest: Parameters<LocalStorage['getBlob']>[0]): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of storage.getBlob(digest)) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
