import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { SeenRequest } from './seen-request.ts';
import type { Admitted } from './web-proxy-entry.ts';
import { answerSeconds, sendAnswer, start } from './web-proxy-forward.ts';
import { answerHeaders } from './web-proxy-headers.ts';
import { AnswerTimeout, noAnswer, sendFailure } from './web-proxy-page.ts';
import type { WebPool } from './web-proxy-pool.ts';

export interface Upgrading {
  readonly request: IncomingMessage;
  /** For what is answered instead. */
  readonly response: ServerResponse;
  /** What came after its head. */
  readonly head: Buffer;
  readonly admitted: Admitted;
  readonly seen: SeenRequest;
  readonly pool: WebPool;
}

/** Passes a WebSocket on to a workspace: once both sides are agreed, whatever either sends. Raises why it cannot be begun. */
export function passUpgrade(upgrading: Upgrading): void {
  const { request, response, head } = upgrading;
  const connection = request.socket;
  const upstream = start(upgrading, { isAlone: true, headers: ['connection', 'Upgrade', 'upgrade', 'websocket'] });
  const patience = setTimeout(() => upstream.destroy(new AnswerTimeout(answerSeconds)), answerSeconds * 1_000).unref();
  const gone = () => upstream.destroy();
  connection.once('close', gone);
  upstream.once('response', (answer) => {
    clearTimeout(patience);
    void sendAnswer(answer, upgrading);
  });
  upstream.once('upgrade', (answer, workspace, workspaceHead) => {
    clearTimeout(patience);
    connection.off('close', gone);
    const switching = switchingHead(answer, upgrading);
    if (switching === undefined) {
      workspace.destroy();
      sendFailure(request, response, noAnswer('what answers there does not speak HTTP'));
      return;
    }
    response.detachSocket(connection);
    connection.setTimeout(0);
    connection.write(switching, 'latin1');
    if (workspaceHead.length > 0) connection.write(workspaceHead);
    if (head.length > 0) workspace.write(head);
    void join(connection, workspace);
  });
  upstream.on('error', (error) => {
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
  // The server, which does so for others, has let go of the connection.
  request.socket.on('drain', () => response.emit('drain'));
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

/** Undefined for one that cannot be sent. */
function switchingHead(answer: IncomingMessage, upgrading: Upgrading): string | undefined {
  try {
    const headers = answerHeaders(answer, upgrading).map(([name, value]) => `${name}: ${value}`);
    return [...switchingLines, ...headers, '', ''].join('\r\n');
  } catch {
    return undefined;
  }
}

const switchingLines = ['HTTP/1.1 101 Switching Protocols', 'connection: Upgrade', 'upgrade: websocket'] as const;
