import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultHostSettings } from '../contracts/fleet.ts';
import { hostIdSchema } from '../contracts/fleet-ids.ts';
import { LinkTalk } from './link-talk.ts';

const known = { hostId: hostIdSchema.parse(`h-${'a'.repeat(26)}`), name: 'box', settings: defaultHostSettings };
const host = { ...known, sessionId: '', serverTime: '' };

test('a start says which server it is, and whether others can read what goes there', () => {
  const lines: string[] = [];
  const talk = new LinkTalk((line) => lines.push(line));
  const start = { name: 'box', fingerprint: 'abcd', place: '/state', host: undefined };

  talk.started({ ...start, url: 'http://server-host:8090' });
  talk.started({ ...start, url: 'https://server-host:8090' });

  assert.deepEqual(lines, [
    'Server: http://server-host:8090 (NOT ENCRYPTED: only for a network you trust)',
    ...['Name: box', 'Fingerprint: abcd', 'State: /state'],
    'Server: https://server-host:8090 (encrypted)',
    ...['Name: box', 'Fingerprint: abcd', 'State: /state'],
  ]);
});

test('what a server makes of its host is explained, however it is heard of, and told once', () => {
  const lines: string[] = [];
  const talk = new LinkTalk((line) => lines.push(line));

  talk.registered({ ...host, admission: 'admitted' }, 'abcd');
  talk.registered({ ...host, admission: 'duplicate' }, 'abcd');
  talk.registered({ ...host, admission: 'duplicate' }, 'abcd');
  talk.changed({ ...known, admission: 'duplicate' }, { ...known, admission: 'revoked' });

  assert.deepEqual(lines, [
    'Registered as "box": admitted',
    'Registered as "box": duplicate',
    'Another agent uses its key: nothing is applied, what runs is left as it is. Stop the one too many, then: agora host approve box abcd',
    'This host, "box", is revoked',
    'Its server let go of it: nothing is applied, what runs is left as it is',
  ]);
});
