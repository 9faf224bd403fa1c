import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { WebSocket } from 'ws';
import { waitUntil } from '../../src/base/deadline.ts';
import { sessionSubprotocol, sessionsPath } from '../../src/contracts/session-wire.ts';
import { opened, start } from '../../src/server/suite-web-proxy.ts';
import { aWorkspace, type FleetEngine, startFleetEngine } from '../support/fleet-engine.ts';
import { Nginx, nginxObstacle } from '../support/nginx.ts';
import { NumberedExec } from '../support/numbered-exec.ts';
import { privateEngineObstacle } from '../support/private-engine.ts';
import { prints, SessionPlace } from '../support/session-place.ts';

const skip = (await privateEngineObstacle()) ?? (await nginxObstacle()) ?? false;
/** More than there is between two pings. */
const patienceSeconds = 25;
/** Tells what it was asked with; what asks for a WebSocket gets back what it says. */
const program = `head=''
while read -r line && [ "\${#line}" -gt 1 ]; do head="$head$line|"; done
case "$head" in
*[Uu]pgrade:\\ websocket*) printf 'HTTP/1.1 101 Switching Protocols\\r\\nupgrade: websocket\\r\\nconnection: Upgrade\\r\\n\\r\\n'; exec cat ;;
*) printf 'HTTP/1.0 200 OK\\r\\n\\r\\n%s' "$head" ;;
esac`;

describe('a server behind nginx, as the documentation shows it', { skip, timeout: 150_000, concurrency: false }, () => {
  const ends: (() => unknown)[] = [];
  let engine: FleetEngine;
  let nginx: Nginx;
  let place: SessionPlace;
  before(async () => {
    engine = await startFleetEngine();
    ends.unshift(() => engine.close());
    const workspaces = {
      fronted: aWorkspace(),
      web: aWorkspace({ command: ['nc', '-ll', '-p', '80', '-e', 'sh', '-c', program] }),
    };
    place = await SessionPlace.start(
      { after: (end) => void ends.unshift(end as () => unknown) },
      {
        engine,
        name: 'fronted',
        workspaces,
        front: async ({ project, url: server }) => {
          nginx = await Nginx.start(project, { server, patienceSeconds });
          return nginx.port;
        },
      },
    );
  });
  after(async () => {
    for (const end of ends) await end();
  });

  const webUrl = async (server: string) => {
    const body = { workspace: 'web', port: 80, server };
    const { url } = await place.fleet.admin.call('createProxyUrl', { params: { host: 'fronted' }, body });
    return new URL(url);
  };

  test('the links of an agent and of a caller stay while nothing is said for longer than nginx waits', async () => {
    const script = 'echo begun; sleep 55; echo still here';
    const idle = place.call(['host', 'exec', place.target, '--', 'sh', '-c', script]);
    await prints(idle, 'begun\n');
    const before = await nginx.ended();

    const { code, stdout } = await idle.finished;

    assert.deepEqual({ code, stdout }, { code: 0, stdout: 'begun\nstill here\n' });
    const links = (await nginx.ended()).slice(before.length).filter((line) => / 101 |\/links?\b/.test(line));
    // That of the exec, at its end.
    assert.deepEqual(
      links.map((line) => /"\w+ ([^ ?]+)/.exec(line)?.[1]),
      [sessionsPath],
    );
  });

  test('what was done is told as of the address of who did it', async () => {
    await place.call(['host', 'exec', place.target, 'true']).finished;

    const { address } = await waitUntil('it in the activity log', async () => {
      const { activity } = await place.fleet.admin.call('listActivity', { query: { limit: 20 } });
      return activity.find(({ action, details }) => action === 'session.open' && details['what'] === 'true')?.details;
    });
    assert.equal(address, place.callerCable.farAddress);
  });

  test('a page of this very address may open a link for sessions, one of another may not', async (t) => {
    const knock = async (origin: string) => {
      const headers = { authorization: `Bearer ${place.fleet.token}`, origin };
      const socket = new WebSocket(`${place.callerUrl.replace('http', 'ws')}${sessionsPath}`, [sessionSubprotocol], {
        headers,
      });
      t.after(() => socket.terminate());
      return await once(socket, 'open').then(
        () => 'opened',
        (error: Error) => error.message,
      );
    };

    assert.equal(await knock(place.callerUrl), 'opened');
    assert.match(await knock('http://127.0.0.1:9'), /403/);
  });

  test('a port is opened by its path and by its name, and is told who asks', async () => {
    const far = `::${new URL(place.callerUrl).host}`;
    for (const server of [place.callerUrl, `http://localhost:${nginx.port}`]) {
      const url = await webUrl(server);
      const words = ['-sSL', '--max-time', '20', '-b', '', '--connect-to', far, url.href];
      const { code, stdout, stderr } = await place.beside('curl', words).finished;

      assert.equal(code, 0, stderr);
      assert.match(stdout, new RegExp(`host: ${url.host}\\r?\\|`, 'i'));
      assert.match(stdout, new RegExp(`x-forwarded-for: ${place.callerCable.farAddress}\\r?\\|`, 'i'));
    }
  });

  test('a WebSocket of a workspace goes through by its path and by its name', async (t) => {
    for (const server of [`http://127.0.0.2:${nginx.port}`, `http://localhost:${nginx.port}`]) {
      const { url, cookie } = await opened(await webUrl(server));
      const key = { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', 'sec-websocket-version': '13' };
      const headers = { cookie, origin: url.origin, connection: 'keep-alive, Upgrade', upgrade: 'websocket', ...key };
      const asking = start(url, { headers });
      asking.end();
      const [answer, socket] = (await once(asking, 'upgrade')) as [IncomingMessage, Duplex];
      t.after(() => socket.destroy());
      socket.write('said');

      assert.equal(answer.statusCode, 101);
      assert.equal(String((await once(socket, 'data'))[0]), 'said');
    }
  });

  test('an exec goes on with every byte exactly once when nginx is loaded anew, and when it is restarted', async () => {
    const numbers = new NumberedExec(place, 200);
    await numbers.areUnderWay();

    await nginx.reload();
    await numbers.goOn();
    await nginx.restart();
    await numbers.goOn();

    await numbers.cameExactlyOnce();
  });
});
