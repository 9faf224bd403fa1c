import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aHost } from '../../test/support/a-host.ts';
import { changeSchema } from '../contracts/host-change.ts';
import type { HostStatus } from '../contracts/routes-hosts.ts';
import { statusLines } from './host-status-text.ts';

const now = Date.parse('2026-11-21T12:00:00.000Z');
const ago = (seconds: number) => new Date(now - seconds * 1_000).toISOString();

const aLink = { agentStartedAt: ago(60), lastSeenAt: ago(1) };

const change = changeSchema.parse({
  revision: 3,
  specDigest: `sha256:${'0'.repeat(64)}`,
  actor: 'user:ana',
  message: 'more memory',
  times: { accepted: ago(30) },
  problem: 'web: Cannot start it',
});

const troubled: HostStatus = {
  host: aHost({ link: aLink }),
  change,
  observedAt: ago(3),
  steps: [
    { kind: 'start-workspace', name: 'web', reason: 'it does not run', state: 'failed', message: 'Cannot start it' },
    { kind: 'create-network', name: 'front', reason: 'it is not there', state: 'done' },
  ],
  workspaces: [
    {
      name: 'web',
      state: 'failed',
      restarts: 2,
      reason: 'it ended with exit code 3',
      image: 'nginx:1',
      since: ago(40),
    },
    { name: 'api', state: 'running', restarts: 0, image: 'api:1', since: ago(86_400 * 3) },
  ],
  problems: [{ name: 'web', message: 'Cannot start it', next: 'Look at its log.' }],
};

test('what is told once is not told again, and what needs a look comes last', () => {
  assert.deepEqual(statusLines(troubled, now), [
    'box: admitted; link online, encrypted; agent 0.0.0 up 1 min; engine up',
    `revision 3 by user:ana "more memory": accepted ${ago(30)}`,
    'last report: 3 s ago',
    '2 workspaces: 1 running, 1 failed',
    'workspace api: running; api:1; for 3 d',
    'workspace web: failed; nginx:1; for 40 s; 2 restarts; it ended with exit code 3',
    'step start-workspace web: failed; it does not run',
    'problem web: Cannot start it; next: Look at its log.',
  ]);
});

test('a step that failed and was put right by another one is over', () => {
  const [running] = troubled.workspaces.filter(({ state }) => state === 'running');
  const lines = statusLines({ ...troubled, problems: [], workspaces: running === undefined ? [] : [running] }, now);

  assert.deepEqual(
    lines.filter((line) => line.startsWith('step')),
    [],
  );
});

test('a host that is away is shown as it was when it was last heard of', () => {
  const host = aHost({ link: { ...aLink, link: 'offline', engine: 'unknown', lastSeenAt: ago(7_200) } });
  const away: HostStatus = {
    ...troubled,
    host,
    observedAt: ago(7_260),
    steps: [],
    problems: [],
    workspaces: [{ name: 'api', state: 'running', restarts: 0, since: ago(7_320) }],
  };

  assert.deepEqual(statusLines(away, now), [
    'box: admitted; link offline, encrypted; agent 0.0.0 last seen 2 h ago; engine unknown',
    `revision 3 by user:ana "more memory": accepted ${ago(30)}`,
    'it does not get on: web: Cannot start it',
    'last report: 2 h 1 min ago; what follows is as it was then',
    'workspace api: running; for 1 min',
  ]);
});

test('a host that nothing is declared for says how that is done', () => {
  const { host } = troubled;
  const disabled = { ...host, settings: { ...host.settings, enabled: false } };

  assert.deepEqual(statusLines({ host: disabled, steps: [], workspaces: [], problems: [] }, now).slice(1), [
    'disabled: nothing is applied; next: agora host set box enabled=true',
    'nothing is declared yet; next: agora host apply box -f <file>',
  ]);
});
