import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Admitted } from './web-proxy-entry.ts';
import { answerSeconds, sendAnswer, start } from './web-proxy-forward.ts';
import { answerHeaders } from './web-proxy-headers.ts';
import { AnswerTimeout, sendFailure } from './web-proxy-page.ts';
import type { WebPool } from './web-proxy-pool.ts';
import type { SeenRequest } from './web-proxy-request.ts';

export interface Upgrading {
  readonly request: IncomingMessage;
  /** What came after its head. */
  readonly head: Buffer;
  readonly admitted: Admitted;
  readonly seen: SeenRequest;
  readonly pool: WebPool;
}

/** Passes a WebSocket on to a workspace: once both sides are agreed, whatever either sends. */
export function passUpgrade(upgrading: Upgrading): void {
  const { request, head } = upgrading;
  const connection = request.socket;
  const response = responseOn(request);
  const forwarding = { ...upgrading, response };
  const upstream = start(upgrading, { isAlone: true, headers: ['connection', 'Upgrade', 'upgrade', 'websocket'] });
  const patience = setTimeout(() => upstream.destroy(new AnswerTimeout(answerSeconds)), answerSeconds * 1_000).unref();
  const gone = () => upstream.destroy();
  connection.once('close', gone);
  upstream.once('response', (answer) => {
    clearTimeout(patience);
    void sendAnswer(answer, forwarding);
  });
  upstream.once('upgrade', (answer, workspace, workspaceHead) => {
    clearTimeout(patience);
    connection.off('close', gone);
    response.detachSocket(connection);
    connection.setTimeout(0);
    connection.write(switchingHead(answer, upgrading), 'latin1');
    if (workspaceHead.length > 0) connection.write(workspaceHead);
    if (head.length > 0) workspace.write(head);
    void join(connection, workspace);
  });
  upstream.once('error', (error) => {
    clearTimeout(patience);
    if (!connection.destroyed) sendFailure(request, response, error);
  });
  upstream.end();
}

/** For what is answered instead: the connection ends with it. */
export function responseOn(request: IncomingMessage): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(request.socket);
  response.once('finish', () => request.socket.end(() => request.socket.destroy()));
  return response;
}

/** Until both sides have ended; a side that breaks off takes the other with it. */
async function join(connection: Duplex, workspace: Duplex): Promise<void> {
  try {
    await Promise.all([pipeline(connection, workspace), pipeline(workspace, connection)]);
  } catch {
    // Either side may go without a word: then there is nothing left to tell the other.
    connection.destroy();
    workspace.destroy();
  }
}

function switchingHead(answer: IncomingMessage, upgrading: Upgrading): string {
  const headers = answerHeaders(answer, upgrading).map(([name, value]) => `${name}: ${value}`);
  return ['HTTP/1.1 101 Switching Protocols', 'connection: Upgrade', 'upgrade: websocket', ...headers, '', ''].join(
    '\r\n',
  );
}
