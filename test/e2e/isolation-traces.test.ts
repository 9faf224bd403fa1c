import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { crash, describeDispatch, startScript } from '../support/dispatches.ts';
import { engineForTests, rawEngine } from '../support/engine.ts';
import { Traces } from '../support/isolation-traces.ts';
import type { Project } from '../support/project.ts';
import { printed, providerPlaces } from '../support/provider-place.ts';
import { dispatchOf, item, patience, shellProject, submit, watched } from '../support/shell-project.ts';

const goneWithinMs = 5_000;
const secret = ['--secret', 'KEY=inline:opensesame-1'];
const { engine } = await engineForTests();

/** Ways to end, each with the words after its script and what is done to it once it runs. */
const ends: readonly { readonly status: string; readonly script: string; readonly more?: readonly string[] }[] = [
  { status: 'done', script: 'echo begun; echo x > "$AGORA_OUTPUT_DIR/x"; sleep 1', more: ['--network', 'internet'] },
  { status: 'failed', script: 'setsid sleep 600 & echo begun; sleep 1; exit 3' },
  { status: 'failed', script: 'trap "" TERM; echo begun; while :; do sleep 1; done', more: ['--timeout', '2'] },
  { status: 'cancelled', script: 'setsid sleep 600 & echo begun; sleep 600' },
];

for (const place of await providerPlaces()) {
  test(`on ${place.name} nothing of a dispatch is left five seconds after its end, however it ended`, {
    skip: place.skip,
  }, async (t) => {
    const project = await shellProject(t, place.compute);
    const docker = engine && place.name === 'docker' ? await rawEngine(engine.address) : undefined;
    for (const { status, script, more = [] } of ends) {
      const traces = new Traces(project, docker);
      const running = await startScript(project, script, [...secret, ...more]);
      const { dispatchId } = running;
      await printed(place, project, dispatchId, 'begun');
      const before = await traces.of(dispatchId);
      if (status === 'cancelled') await project.agora(['dispatch', 'cancel', dispatchId]);

      const goneAt = await traces.goneAt(dispatchId);

      await running.finished;
      const record = await describeDispatch(project, dispatchId);
      const tookMs = goneAt - Date.parse(record.endedAt ?? '');
      assert.equal(record.status, status);
      assert.ok(before.length >= (docker ? 7 : 3), `the traces are those that are looked for: ${before.join()}`);
      assert.ok(tookMs <= goneWithinMs, `nothing was left ${tookMs} ms after it was ${status}`);
    }
  });

  test(`on ${place.name} doctor names what a crash left, gc removes it, and a look changes nothing`, {
    skip: place.skip,
  }, async (t) => {
    const project = await shellProject(t, place.compute);
    const docker = engine && place.name === 'docker' ? await rawEngine(engine.address) : undefined;
    const foreign = docker === undefined ? undefined : await foreignThings(t, project, docker);
    const traces = new Traces(project, docker);
    const running = await startScript(project, 'echo begun; sleep 2', secret);
    const { dispatchId } = running;
    await printed(place, project, dispatchId, 'begun');
    await crash(running);
    const left = async () => (await traces.of(dispatchId)).filter((trace) => !trace.startsWith('process'));
    const afterCrash = await left();

    const doctor = await project.agora(['doctor']);
    const dry = await project.agora(['gc', '--dry-run']);
    const afterLooks = await left();
    const cleared = await clearedBy(project, dispatchId);
    const goneAt = await traces.goneAt(dispatchId);
    const again = await project.agora(['doctor']);

    assert.match(doctor.stdout, new RegExp(`leftovers +1: dispatch ${dispatchId}.*\\n +next: agora gc`));
    assert.match(dry.stdout, new RegExp(`^dispatch ${dispatchId}, whose process is gone\n$`));
    assert.deepEqual(afterLooks.map(kindOf), afterCrash.map(kindOf), 'doctor and a dry run only look');
    assert.match(cleared, /collected and recorded as (?:done|failed)/);
    assert.ok(goneAt > 0);
    assert.match(again.stdout, /leftovers +none/);
    await foreign?.assertThere();
  });
}

for (const place of await providerPlaces()) {
  test(`on ${place.name} the worker of a killed daemon is named, left to the next daemon, and gone with its run`, {
    skip: place.skip,
  }, async (t) => {
    const project = await shellProject(t, place.compute);
    const daemon = await project.serve();
    const runId = await submit(project, 'orphaned', [item('long', 'echo begun; sleep 600')]);
    const dispatchId = await dispatchOf(project, runId, 'long');
    await printed(place, project, dispatchId, 'begun');
    await crash(daemon);

    const doctor = await project.agora(['doctor']);
    const gc = await project.agora(['gc']);
    await project.serve();
    await waitUntil(
      'a doctor that finds nothing',
      async () => {
        const { stdout } = await project.agora(['doctor']);
        return /leftovers +none/.test(stdout);
      },
      patience,
    );
    await project.agora(['orch', 'cancel', runId]);
    await watched(project, runId);
    const goneAt = await new Traces(project, engine && (await rawEngine(engine.address))).goneAt(dispatchId);

    const worker = `worker ${dispatchId} of orphaned/long, whose daemon is gone`;
    assert.match(doctor.stdout, new RegExp(`leftovers +1: ${worker}`));
    assert.equal(gc.stdout, `${worker}: left to the next \`agora orch serve\`\n`);
    assert.ok(goneAt > 0);
  });
}

/** Clears until what the crash left has ended. */
async function clearedBy(project: Project, dispatchId: string): Promise<string> {
  for (;;) {
    const { code, stdout, stderr } = await project.agora(['gc']);
    assert.equal(code, 0, stderr);
    if (!stdout.includes('still runs')) return stdout;
    assert.match(stdout, new RegExp(dispatchId));
  }
}

function kindOf(trace: string): string {
  return trace.split(' ')[0] ?? '';
}

/** Containers, a volume and a network that look like ours and are not. */
async function foreignThings(t: TestContext, project: Project, docker: Awaited<ReturnType<typeof rawEngine>>) {
  const finished = await startScript(project, 'true');
  await finished.finished;
  const { deploymentId, image = '' } = await describeDispatch(project, finished.dispatchId);
  const name = randomUUID().slice(0, 8);
  const dispatchId = (letter: string) => `d-${letter.repeat(26)}`;
  const labels: readonly Readonly<Record<string, string>>[] = [
    {},
    { 'agora.deployment': deploymentId },
    { 'agora.dispatchId': dispatchId('b') },
    { 'agora.deployment': `${deploymentId}0`, 'agora.dispatchId': dispatchId('c') },
    { 'agora.deployment': deploymentId.replaceAll(/./g, 'e'), 'agora.dispatchId': dispatchId('d') },
    { 'agora.deployment': deploymentId, 'agora.dispatchId': 'D-not-an-id' },
  ];
  const containers = await Promise.all(
    labels.map((Labels, index) =>
      docker.createContainer({ name: `agora-worker-${name}-${index}`, Image: image, Cmd: ['true'], Labels }),
    ),
  );
  const volume = await docker.createVolume({ Name: `agora-${name}`, Labels: { 'agora.deployment': deploymentId } });
  const network = await docker.createNetwork({
    Name: `agora-internet-${name}`,
    Labels: { 'agora.network': 'internet' },
  });
  const things = [...containers, volume, network];
  t.after(async () => {
    for (const thing of things) await thing.remove();
  });
  return {
    assertThere: async () => {
      for (const thing of things) await assert.doesNotReject(thing.inspect());
    },
  };
}
