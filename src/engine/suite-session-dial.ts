import assert from 'node:assert/strict';
import type { Duplex } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import type { HostSessions } from './host-sessions.ts';
import type { SuiteHost } from './suite-host.ts';

const signal = new AbortController().signal;
const port = 8080;
/** Sends back what it gets. */
const echo = ['nc', '-ll', '-p', String(port), '-e', 'cat'];
const loopbackServer = ['httpd', '-f', '-p', `127.0.0.1:${port}`, '-h', '/bin'];

/** Connections to ports of containers. */
export function dialTests(host: SuiteHost, sessions: () => HostSessions): void {
  const dial = (what: string) => sessions().dial(host.named(what), port, signal);
  const serve = async (what: string, command: readonly string[]) => {
    await host.network('dial', { subnet: `${host.subnet}.0/24` });
    await host.start(what, { command, networks: [host.named('dial')] });
    await waitUntil('the port', () =>
      dial(what).then(
        (stream) => Boolean(stream.destroy()),
        () => false,
      ),
    );
  };

  test('a port is reached, and an end goes both ways', async () => {
    await serve('echo', echo);
    for (const words of ['hello', '', '0123456789'.repeat(300_000)]) {
      const stream = await dial('echo');
      stream.end(words);
      assert.equal(await text(stream), words);
    }
  });

  test('a port that only the loopback of a container has is reached, by many at once', async () => {
    await serve('loopback', loopbackServer);
    const get = async () => {
      const stream = await dial('loopback');
      stream.write('GET /busybox HTTP/1.0\r\n\r\n');
      return await buffer(stream);
    };

    const [first, ...others] = await Promise.all(Array.from({ length: 10 }, get));

    assert.match(first?.subarray(0, 100).toString('latin1') ?? '', /^HTTP\/1\.[01] 200 /);
    assert.ok(first && first.length > 300_000 && others.every((other) => other.length === first.length));
    await sessions().close();
  });

  test('a connection that its reader gives up breaks nothing of the others', async () => {
    await serve('given-up', loopbackServer);
    const broken: Duplex[] = await Promise.all(Array.from({ length: 10 }, () => dial('given-up')));
    for (const stream of broken) stream.write('GET /busybox HTTP/1.0\r\n\r\n');
    for (const stream of broken) stream.destroy();

    const stream = await dial('given-up');
    stream.write('GET /none HTTP/1.0\r\n\r\n');

    assert.match(await text(stream), / 404 /);
    await sessions().close();
  });

  test('what lacks to get into the network of a container is told', async (t) => {
    await serve('no-way', loopbackServer);
    await sessions().close();
    const path = process.env['PATH'];
    t.after(() => {
      process.env['PATH'] = path;
    });
    process.env['PATH'] = '/none';

    await assert.rejects(dial('no-way'), (error) => isAppError(error, 'not-ready') && /nsenter/.test(error.next ?? ''));

    process.env['PATH'] = path;
    (await dial('no-way')).destroy();
    await sessions().close();
  });

  test('a port nobody listens on is told, and a container that does not run', async () => {
    await host.start('no-port');
    await host.create('not-started');

    await assert.rejects(dial('no-port'), (error) => {
      return isAppError(error, 'unreachable') && /nothing listens there$/.test(error.message) && Boolean(error.next);
    });
    await assert.rejects(dial('not-started'), (error) => isAppError(error, 'task-conflict') && Boolean(error.next));
    await sessions().close();
  });
}
