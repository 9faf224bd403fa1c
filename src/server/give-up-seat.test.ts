import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CloseCode, RelayedOpen } from '../contracts/session-wire.ts';
import { joinedLinks } from '../session/joined-links.ts';
import { giveUpSeat } from './give-up-seat.ts';

const request: RelayedOpen = {
  session: { kind: 'proxy', workspace: 'web', port: 80 },
  window: 1_024,
  resume: { seat: 'A'.repeat(43), received: 0, credit: 0 },
  actor: 'olga',
  role: 'operator',
};
const signal = new AbortController().signal;

function givenUpWith(code: CloseCode) {
  const { near } = joinedLinks(
    { mostStreams: 1 },
    {
      mostStreams: 1,
      onOpen: (stream) => {
        stream.close({ code, message: 'no' });
        return undefined;
      },
    },
  );
  return giveUpSeat(near, request, { code: 'refused', message: 'ended' }, signal);
}

test('a session is over only where its host says so', async () => {
  for (const code of ['session-lost', 'not-found', 'done'] as const) assert.equal(await givenUpWith(code), 'over');
  assert.equal(await givenUpWith('detached'), 'returned');
  for (const code of ['limit-exceeded', 'server-stopping', 'host-away', 'refused'] as const) {
    await assert.rejects(givenUpWith(code), { code: 'not-ready' });
  }
});
