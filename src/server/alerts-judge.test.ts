import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AlertRule, alertRuleNames, defaultAlertRules } from '../contracts/alerts.ts';
import { hostIdSchema } from '../contracts/fleet-ids.ts';
import { conditionsOf, type HostFactsNow, isKnown } from './alerts-conditions.ts';
import { type AlertEvent, type AlertState, afterGap, judge, noState } from './alerts-judge.ts';

const rule: AlertRule = { name: 'engine-down', isEnabled: true, forSeconds: 10, clearSeconds: 20 };
const rules = new Map(defaultAlertRules.map((one) => [one.name, one]));
const second = 1_000;

/** What happens second by second while a condition is as given; undefined: not known. */
function play(states: readonly (boolean | undefined)[], of: AlertRule = rule): string[] {
  let state: AlertState = noState;
  const told: string[] = [];
  for (const [index, isSo] of states.entries()) {
    const judged = judge(state, { isSo, message: 'it is down' }, { rule: of, now: index * second });
    state = judged.state;
    if (judged.event !== undefined) told.push(`${index}: ${words(judged.event)}`);
  }
  return told;
}

function words(event: AlertEvent): string {
  return event.kind === 'raise' ? `raised, ${event.times}` : 'resolved';
}

function during(seconds: number, isSo: boolean | undefined): (boolean | undefined)[] {
  return Array(seconds).fill(isSo);
}

test('an alert is raised and resolved once it has been so for long enough', () => {
  const told = play([...during(5, true), ...during(3, false), ...during(20, true), ...during(40, false)]);

  assert.deepEqual(told, ['18: raised, 1', '48: resolved']);
});

test('not knowing neither raises nor resolves, and does not count towards either', () => {
  const told = play([...during(9, true), undefined, ...during(9, true), ...during(60, undefined)]);
  const later = play([...during(11, true), ...during(19, false), undefined, ...during(19, false)]);

  assert.deepEqual([told, later], [[], ['10: raised, 1']]);
});

test('what comes and goes is told less and less often', () => {
  const once = [...during(15, true), ...during(25, false)];

  const told = play(Array(20).fill(once).flat());

  assert.deepEqual(told, ['10: raised, 1', '35: resolved', '50: raised, 2']);
});

test('what comes and goes for hours is told a few times at first, and is over once it stays away', () => {
  const hour = Array(36)
    .fill([...during(40, true), ...during(60, false)])
    .flat();

  const told = play([...Array(5).fill(hour).flat(), ...during(1_000, false)]);

  assert.equal(told.length, 6);
  assert.ok(told.at(-1)?.endsWith('resolved'));
  assert.ok(told.slice(0, -1).every((one) => Number.parseInt(one, 10) < 600));
});

test('how long something has been so does not go on over a time nobody watched', () => {
  const due = { isSo: true, message: '' };
  const begun = judge(noState, due, { rule, now: 0 }).state;

  const later = judge(afterGap(begun, 3_600 * second), due, { rule, now: 3_600 * second });

  assert.deepEqual([later.event, later.state.changingSince], [undefined, 3_600 * second]);
});

test('a rule that is switched off resolves what it raised', () => {
  const raised = judge(noState, { isSo: true, message: '' }, { rule: { ...rule, forSeconds: 0 }, now: 0 });

  const off = judge(raised.state, { isSo: true, message: '' }, { rule: { ...rule, isEnabled: false }, now: second });

  assert.deepEqual([raised.event?.kind, off.event?.kind], ['raise', 'resolve']);
});

const minute = 60 * second;
const listeningSince = 10 * minute;

function aHost(changes: Partial<HostFactsNow> = {}): HostFactsNow {
  return {
    hostId: hostIdSchema.parse(`h-${'a'.repeat(26)}`),
    name: 'box',
    heartbeatMs: 10 * second,
    lastSeenAt: 20 * minute,
    engine: 'up',
    sample: undefined,
    workspaces: [],
    problems: [],
    ...changes,
  };
}

/** What is so of it. */
function found(host: HostFactsNow, now = 20 * minute + second): string[] {
  const conditions = conditionsOf(host, rules, { now, listeningSince });
  return conditions.map(({ rule: name, subject }) => `${name} ${subject}`.trim());
}

/** Whether it is offline; undefined where nobody knows. */
function isOffline(host: HostFactsNow, now: number): boolean | undefined {
  return isKnown('host-offline', host, { now, listeningSince }) ? found(host, now).includes('host-offline') : undefined;
}

test('a host that is heard of and well is nothing to tell of', () => {
  assert.deepEqual(found(aHost()), []);
});

test('a silent host is offline within three heartbeats, and nothing else of it is known', () => {
  const host = aHost({ engine: 'down' });
  const at = (seconds: number) => ({ now: 20 * minute + seconds * second, listeningSince });

  assert.deepEqual(
    [24, 25].map((seconds) => found(host, at(seconds).now)),
    [['engine-down'], ['host-offline']],
  );
  assert.deepEqual(
    alertRuleNames.filter((name) => isKnown(name, host, at(25))),
    ['host-offline'],
  );
});

test('a host that beats each second is silent after ten', () => {
  const host = aHost({ heartbeatMs: second });
  const at = (seconds: number) => isOffline(host, 20 * minute + seconds * second);

  assert.deepEqual([at(3), at(9), at(10)], [false, false, true]);
});

test('a sign of life from a time to come tells nothing, unless it came while hosts were judged', () => {
  const ahead = (seconds: number) => isOffline(aHost({ lastSeenAt: 20 * minute + seconds * second }), 20 * minute);
  const host = aHost({ lastSeenAt: 80 * minute });
  const [offline] = conditionsOf(host, rules, { now: 20 * minute, listeningSince });

  assert.deepEqual([ahead(1), ahead(3_600)], [false, true]);
  assert.equal(offline?.message, 'box has not been heard of for 600 s');
});

test('a server that has just begun to listen knows nothing of a host until it hears of it, for three heartbeats', () => {
  const lastSeenAt = listeningSince - second;
  const at = (seconds: number) => isOffline(aHost({ lastSeenAt }), listeningSince + seconds * second);

  assert.deepEqual([at(1), at(20), at(29), at(30)], [undefined, undefined, undefined, true]);
  assert.equal(isOffline(aHost({ lastSeenAt: undefined }), 20 * minute), undefined);
});

test('disks, GPUs, workspaces and problems are each told by their own name', () => {
  const at = '2026-01-01T00:00:00.000Z';
  const gpu = { uuid: 'GPU-1', name: 'H100', processes: [] };
  const sample = {
    at,
    host: {
      load: [0, 0, 0] as [number, number, number],
      memory: { totalBytes: 1, usedBytes: 1, availableBytes: 0 },
      swap: { totalBytes: 0, usedBytes: 0 },
      disks: [
        { path: '/', totalBytes: 100, usedBytes: 95, availableBytes: 5 },
        { path: '/srv', totalBytes: 100, usedBytes: 50, availableBytes: 50 },
      ],
      processes: 1,
      uptimeSeconds: 1,
    },
    gpus: [
      { ...gpu, temperatureCelsius: 90 },
      { ...gpu, uuid: 'GPU-2' },
    ],
  };
  const workspaces = [
    { name: 'web', state: 'restarting', restarts: 6 },
    { name: 'job', state: 'restarting', restarts: 1 },
    { name: 'api', state: 'unhealthy', restarts: 0, reason: 'its health check fails' },
  ] as const;

  const host = aHost({
    sample,
    workspaces,
    problems: [
      { name: 'net', message: 'its name is taken' },
      { name: 'web', message: 'it ends at once' },
    ],
  });

  assert.deepEqual(found(host), ['disk-full /', 'gpu-hot GPU-1', 'restart-loop web', 'drift']);
  const drift = conditionsOf(host, rules, { now: 20 * minute, listeningSince }).find((one) => one.rule === 'drift');
  assert.equal(drift?.message, 'box is not as declared: net: its name is taken; api: its health check fails');
});

test('what is no longer told of is over only where the host tells of its kind', () => {
  const moment = { now: 20 * minute + second, listeningSince };

  assert.equal(isKnown('disk-full', aHost(), moment), false);
  assert.equal(isKnown('restart-loop', aHost(), moment), true);
  assert.equal(isKnown('restart-loop', aHost({ lastSeenAt: 1 }), moment), false);
  assert.deepEqual(
    [isKnown('engine-down', aHost({ engine: 'unknown' }), moment), isKnown('engine-down', aHost(), moment)],
    [false, true],
  );
});
