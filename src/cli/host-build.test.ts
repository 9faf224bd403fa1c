import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { type Build, type BuildsReport, buildIdSchema, buildSchema } from '../contracts/builds.ts';
import { isAppError } from '../contracts/errors.ts';
import { startServer, TestAgent } from '../server/suite-server.ts';
import type { Command } from './command.ts';
import { hostBuildCancel } from './host-build-cancel.ts';
import { hostBuildLog } from './host-build-log.ts';
import { hostBuildLs } from './host-build-ls.ts';
import { parseWords } from './parse-words.ts';

const buildId = buildIdSchema.parse(`b-${'a'.repeat(26)}`);

function aBuild(changes: Partial<Build> = {}): Build {
  const at = '2026-11-21T10:00:00.000Z';
  const context = `sha256:${'0'.repeat(64)}`;
  return buildSchema.parse({
    ...{ buildId, image: 'web', tag: 'web:1', context, state: 'running', queuedAt: at, startedAt: at },
    ...changes,
  });
}

/** A server with a host, what that tells, and the commands as a person types them. */
async function aHost(t: TestContext) {
  const { url, admin, adminToken } = await startServer(t);
  const { joinToken } = await admin.call('createJoinToken', { body: {} });
  const agent = new TestAgent(url);
  await agent.register({ joinToken });
  const report = (body: Partial<BuildsReport>) =>
    agent.client.call('reportBuilds', { body: { live: [], builds: [], logs: [], pushes: [], ...body } });
  let last = { stdout: '', stderr: '' };
  const type = async (command: Command, ...typed: string[]) => {
    const words = parseWords('host build', command.spec, typed);
    assert.ok(words);
    const printed = { stdout: '', stderr: '' };
    last = printed;
    const output = (name: 'stdout' | 'stderr') => ({
      ...{ isTerminal: false, columns: 80, rows: 24 },
      write: async (content: string | Uint8Array) => {
        printed[name] += content;
      },
    });
    const code = await command.run(words, {
      ...{ env: { AGORA_SERVER: url, AGORA_TOKEN: adminToken, HOME: '/nonexistent' }, cwd: '/', stdin: none() },
      ...{ stdout: output('stdout'), stderr: output('stderr'), stop: t.signal, force: t.signal },
    });
    return { code, ...printed };
  };
  return { report, type, saidLast: () => last };
}

async function* none(): AsyncGenerator<Uint8Array> {}

test('a log is followed to the end of its build, whose outcome is the exit code', async (t) => {
  const { report, type } = await aHost(t);
  await report({
    live: [buildId],
    builds: [aBuild()],
    logs: [{ buildId, first: 5, lines: ['one', '\u001b[2Jtwo\u0007'] }],
  });

  const shown = await type(hostBuildLog, 'box');
  const following = type(hostBuildLog, 'box', 'web', '-f');
  await report({ live: [buildId], logs: [{ buildId, first: 7, lines: ['three'] }] });
  await report({ builds: [aBuild({ state: 'failed', endedAt: '2026-11-21T10:01:00.000Z', problem: 'exit code 7' })] });

  assert.deepEqual(shown, { code: 0, stdout: 'one\ntwo\n', stderr: 'agora: 5 lines before this are not kept\n' });
  const followed = await following;
  assert.deepEqual([followed.code, followed.stdout], [1, 'one\ntwo\nthree\n']);
  assert.match(followed.stderr, /the build of web ended as failed: exit code 7\n$/);
});

test('who follows a build that has not begun is told that it waits', async (t) => {
  const { report, type, saidLast } = await aHost(t);
  await report({ live: [buildId], builds: [aBuild({ state: 'queued', startedAt: undefined })] });

  const following = type(hostBuildLog, 'box', 'web', '-f');
  await waitUntil('what it says', () => saidLast().stderr !== '');
  await report({ builds: [aBuild({ state: 'succeeded', endedAt: '2026-11-21T10:01:00.000Z' })] });

  assert.deepEqual(await following, { code: 0, stdout: '', stderr: `agora: ${buildId} waits for its turn\n` });
});

test('builds are listed with how far they are, and ended by the name of their image', async (t) => {
  const { report, type } = await aHost(t);
  await report({ live: [buildId], builds: [aBuild({ step: { number: 2, of: 3 } })] });

  const listed = await type(hostBuildLs, 'box');
  const cancelled = await type(hostBuildCancel, 'box', 'web');

  assert.match(listed.stdout, new RegExp(`^${buildId}\tweb\tstep 2 of 3\t.* ago\t.*\t\n$`));
  assert.equal(cancelled.stderr, `agora: box is told to end build ${buildId} of web\n`);
  assert.deepEqual(await report({ live: [buildId] }), { cancel: [buildId] });
});

test('a host that has built nothing says so', async (t) => {
  const { type } = await aHost(t);

  assert.deepEqual(await type(hostBuildLs, 'box'), {
    code: 0,
    stdout: '',
    stderr: 'agora: nothing was built there yet\n',
  });
  await assert.rejects(type(hostBuildLog, 'box'), (error) => isAppError(error, 'not-found'));
});
