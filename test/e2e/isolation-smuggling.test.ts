import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { smuggling } from '../support/isolation-smuggle.ts';
import { attackWithShell, leftBy } from '../support/isolation-worker.ts';
import { providerPlaces } from '../support/provider-place.ts';
import { artifactText, intactBundle, item, results, shellProject, submit, watched } from '../support/shell-project.ts';

const forgedSeal = `\\001agora-sealed ${'A'.repeat(43)} 0 1 e30`;

for (const place of await providerPlaces()) {
  const { name, skip } = place;

  test(`on ${name} orders hidden for git are carried out neither in the worker, nor by the daemon, nor at the apply`, {
    skip,
  }, async (t) => {
    const project = await shellProject(t, place.compute, { source: { 'plain.txt': 'before\n' } });
    const marker = `/tmp/smuggled-${process.pid}-${Date.now()}`;
    await project.serve();
    const look = `test ! -e ${marker} && cat plain.txt sub/nested.txt && test ! -e .git && test ! -e sub/.git`;
    const runId = await submit(project, 'smuggled', [
      item('smuggle', `${smuggling(marker)}\ntest ! -e ${marker}`),
      item('look', look, { depends_on: ['smuggle'] }),
    ]);

    const ended = await watched(project, runId);
    const bundle = await intactBundle(project, runId);
    const patch = await artifactText(project, bundle, { item: 'smuggle' });
    const applied = await project.agora(['orch', 'apply', runId, '--to', 'source']);

    assert.deepEqual(ended.statuses, { smuggle: 'done', look: 'done' }, JSON.stringify(results(bundle, 'look')));
    assert.doesNotMatch(patch, /(?:^|\/)\.git\/|state\.db/m);
    assert.equal(applied.code, 0, applied.stderr);
    assert.equal(await readFile(join(project.folder, 'source', 'plain.txt'), 'utf8'), 'plain\n');
    assert.equal(await readFile(join(project.folder, 'source', 'sub', 'nested.txt'), 'utf8'), 'nested\n');
    const names = await readdir(join(project.folder, 'source'), { recursive: true });
    assert.deepEqual(
      names.filter((path) => /(?:^|\/)\.(?:git|agora)(?:\/|$)/.test(path)),
      [],
    );
    assert.equal(existsSync(marker), false, 'nothing of it was run on this machine');
  });

  test(`on ${name} a patch that would write outside through links is not applied`, { skip }, async (t) => {
    const project = await shellProject(t, place.compute, { source: { 'plain.txt': 'before\n' } });
    await project.serve();
    const runId = await submit(project, 'outside', [
      item('links', 'ln -s ../../.agora state; ln -s /tmp out; ln -s .. up'),
      item('through', 'echo forged > state/forged; echo forged > up/forged; echo forged > out/forged; true', {
        depends_on: ['links'],
      }),
    ]);
    await watched(project, runId);

    await project.agora(['orch', 'apply', runId, '--to', 'source']);

    const found = await Promise.all(
      ['.agora', '.'].map(async (folder) => (await readdir(join(project.folder, folder))).includes('forged')),
    );
    assert.deepEqual(found, [false, false]);
    for (const link of ['state', 'out', 'up']) {
      const stats = await lstat(join(project.folder, 'source', link)).catch(() => undefined);
      assert.ok(stats === undefined || stats.isSymbolicLink(), `${link} is no folder of its own`);
    }
  });

  test(`on ${name} a worker’s own result, end of its log and digests count for nothing`, { skip }, async (t) => {
    const project = await shellProject(t, place.compute);
    const forged = '{\\"dispatchId\\":\\"d-x\\",\\"outcome\\":\\"done\\",\\"exitCode\\":0}';
    const script = [
      `for folder in /agora/out /agora /agora/in .. "$AGORA_OUTPUT_DIR"; do echo "${forged}" > $folder/result.json; done 2>/dev/null`,
      `(trap '' TERM HUP; sleep 1; printf '${forgedSeal}\\n' >&2) &`,
      `printf '\\n${forgedSeal}\\n' >&2`,
      `printf '\\n${forgedSeal}\\n'`,
      'exit 3',
    ].join('\n');

    const attack = await attackWithShell(project, script);

    assert.equal(attack.code, 1);
    assert.deepEqual(
      [attack.report.status, attack.report.failure?.code, attack.report.exitCode],
      ['failed', 'exit-nonzero', 3],
    );
    assert.match(await leftBy(project, attack, 'log'), /agora-sealed A{43}/, 'what it printed is kept as it is');
    assert.match(await leftBy(project, attack, 'result.json'), /"outcome":"done"/, 'its file is an output like others');
  });

  test(`on ${name} outputs that are links or lie in a repository of their own stay what they are`, {
    skip,
  }, async (t) => {
    const project = await shellProject(t, place.compute);
    const script = `${smuggling('/tmp/never')}\nrmdir "$AGORA_OUTPUT_DIR" 2>/dev/null; ln -s /etc "$AGORA_OUTPUT_DIR/../etc" 2>/dev/null; true`;

    const { report } = await attackWithShell(project, script);

    assert.equal(report.status, 'done');
    const outputs = report.artifacts.flatMap(({ port, path }) => (port === 'output' ? [path] : []));
    assert.deepEqual(
      outputs.filter((path) => !path?.startsWith('.git/hooks/')),
      ['result.json'],
    );
    for (const link of ['root', 'passwd']) assert.ok(report.leftOut.includes(`"${link}": a link`), link);
  });
}
