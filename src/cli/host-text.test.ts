import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aHost } from '../../test/support/a-host.ts';
import type { Host } from '../contracts/fleet.ts';
import { hostNameSchema } from '../contracts/fleet-ids.ts';
import { someFacts } from '../server/suite-server.ts';
import { admissionHint, agentText, engineText, linkText } from './host-text.ts';

const now = Date.parse('2026-11-21T12:00:00.000Z');
const ago = (seconds: number) => new Date(now - seconds * 1_000).toISOString();
const factsOf = (host: Host) => [linkText(host), agentText(host, now), engineText(host)];
const facts = { ...someFacts, agentVersion: '1.2.3', engine: { name: 'docker', version: '28', address: 'unix:///e' } };

test('link, agent and engine are told each for itself, and so is a link that others can read', () => {
  const well = aHost({ facts, link: { agentStartedAt: ago(90) } });
  const readable = aHost({ facts, link: { agentStartedAt: ago(90), isEncrypted: false, hasSocket: false } });
  const withoutEngine = aHost({ facts, link: { agentStartedAt: ago(90), engine: 'down' } });
  const away = aHost({ facts, link: { link: 'offline', engine: 'unknown', lastSeenAt: ago(60) } });

  assert.deepEqual(factsOf(well), ['online, encrypted', '1.2.3 up 1 min 30 s', 'up, docker 28']);
  assert.deepEqual(factsOf(readable), ['online, plaintext', '1.2.3 up 1 min 30 s (no socket)', 'up, docker 28']);
  assert.deepEqual(factsOf(withoutEngine), ['online, encrypted', '1.2.3 up 1 min 30 s', 'down']);
  assert.deepEqual(factsOf(away), ['offline, encrypted', '1.2.3 last seen 1 min ago', 'unknown']);
});

test('a host that is not let in is told with the line that lets it in, and one that is has none', () => {
  const twin = hostNameSchema.parse('old');

  assert.equal(admissionHint(aHost()), undefined);
  assert.equal(
    admissionHint(aHost({ admission: 'pending', sameMachineAs: twin })),
    'box from 127.0.0.1 waits for approval (the same machine as old, or a clone of it); if its agent prints aaaa-bbbb-cccc-dddd as well: agora host approve box aaaa-bbbb-cccc-dddd',
  );
  assert.match(admissionHint(aHost({ admission: 'duplicate' })) ?? '', /two agents used its key at once/);
});
