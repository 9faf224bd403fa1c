import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { providerPlaces } from '../support/provider-place.ts';
import { intactBundle, item, seen, shellProject, submit, watched } from '../support/shell-project.ts';
import { aTerminal } from '../support/terminal.ts';

const untilTold = 'while [ ! -e go.txt ]; do sleep 0.1; done; echo done > done.txt';

for (const place of (await providerPlaces()).filter(({ name }) => name === 'docker')) {
  describe(`on ${place.name}`, { skip: place.skip }, () => {
    test('an item somebody had a shell in says so in status, apply, patch and its bundle', async (t) => {
      const project = await shellProject(t, place.compute, { source: { 'a.txt': 'a\n' } });
      await project.serve();
      const runId = await submit(project, 'touched', [item('alone', 'echo x > x.txt'), item('helped', untilTold)]);
      await seen(project, runId, 'helped', ({ status }) => status === 'running');

      const shell = await project.agora(['dispatch', 'shell', `${runId}/helped`], 'touch go.txt; exit\n');
      const ended = await watched(project, runId);
      const status = await project.agora(['orch', 'status', runId]);
      const patch = await project.agora(['orch', 'patch', runId]);
      const applied = await project.agora(['orch', 'apply', runId]);

      assert.equal(shell.code, 0, shell.stderr);
      assert.deepEqual(ended.statuses, { alone: 'done', helped: 'done' });
      assert.match(status.stdout, /helped +done +human-touched/);
      assert.doesNotMatch(status.stdout, /alone +done +human-touched/);
      for (const { stderr } of [patch, applied]) assert.match(stderr, /human-touched: .* worktree of helped$/m);
      const bundle = await intactBundle(project, runId);
      assert.deepEqual((bundle.report as { readonly humanTouched?: unknown }).humanTouched, ['helped']);
      const verified = await project.agora(['verify', 'bundle.json']);
      assert.match(verified.stdout + verified.stderr, /a person had a shell in the worktree of helped/);
    });

    test('a shell in an item outlives the daemon, and the next one knows of it', async (t) => {
      const project = await shellProject(t, place.compute);
      const daemon = await project.serve();
      const runId = await submit(project, 'outlived', [item('helped', untilTold)]);
      await seen(project, runId, 'helped', ({ status }) => status === 'running');
      const terminal = aTerminal(t, project, `exec agora dispatch shell ${runId}/helped`);
      await terminal.shows(/\$ $/);

      daemon.child.kill('SIGKILL');
      await daemon.finished;
      terminal.type('echo still-$((1 + 1))\r');
      await terminal.shows('still-2');
      await project.serve();
      terminal.type('echo again-$((1 + 1)); touch go.txt; exit 0\r');
      await terminal.shows('again-2');
      const ended = await watched(project, runId);

      assert.deepEqual(ended.statuses, { helped: 'done' });
      assert.equal(ended.records.at(-1)?.items[0]?.humanTouched, true);
      assert.equal((await intactBundle(project, runId)).items[0]?.attempt, 1);
    });
  });
}
