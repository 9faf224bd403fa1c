import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { createServer as createSocketServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { type AlertNotice, alertPostSchema } from '../contracts/alerts.ts';

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Answers with each status in turn, then with the last one. */
export async function aWebhook(t: TestContext, statuses: readonly number[] = [200]) {
  const received: Received[] = [];
  const url = await anHttpServer(t, async (request, response) => {
    const body = (await request.toArray()).join('');
    const status = statuses[received.length] ?? statuses.at(-1) ?? 200;
    received.push({ headers: request.headers, body });
    response.writeHead(status, { location: 'http://127.0.0.1:1/' }).end();
  });
  const told = (): AlertNotice[] => received.flatMap(({ body }) => alertPostSchema.parse(JSON.parse(body)).notices);
  const notices = async (count: number): Promise<AlertNotice[]> => {
    await waitUntil(`${count} notices`, () => told().length >= count);
    return told();
  };
  return { url: `${url}/hook`, received, told, notices };
}

export async function anHttpServer(t: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${portOf(server.address())}`;
}

/** Takes every mail, as RFC 5321 wants it taken. */
export async function aMailServer(t: TestContext) {
  const mails: string[] = [];
  const url = await aSocketServer(t, (socket) => {
    let isMail = false;
    socket.write('220 here\r\n');
    socket.on('data', (bytes) => {
      for (const line of bytes
        .toString()
        .split('\r\n')
        .filter((text) => text !== '')) {
        mails.push(line);
        if (isMail && line !== '.') continue;
        if (line.startsWith('EHLO')) socket.write('250 here\r\n');
        else if (line === 'DATA') socket.write('354 go on\r\n');
        else if (line === 'QUIT') socket.end('221 bye\r\n');
        else socket.write('250 ok\r\n');
        isMail = line === 'DATA';
      }
    });
  });
  return { url, mails };
}

/** One that talks as `begin` has it; its address as that of a mail server. */
export async function aSocketServer(t: TestContext, begin: (socket: Socket) => void): Promise<string> {
  const open = new Set<Socket>();
  const server = createSocketServer((socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => socket.destroy());
    begin(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  return `smtp://127.0.0.1:${portOf(server.address())}`;
}

function portOf(address: unknown): number {
  if (typeof address === 'object' && address !== null && 'port' in address) return Number(address.port);
  throw new TypeError('it does not listen on TCP');
}
