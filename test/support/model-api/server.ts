// A stub of Anthropic's Messages API for tests, not the API: its answers are scripted, there is no model. It runs by
// itself, `node server.ts`, and prints a JSON object a line: its port first, then each request for a message.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import { reply, sendJson } from './replies.ts';
import { readModelRequest } from './requests.ts';
import { scenarios } from './scenarios.ts';

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    print({ failed: String(error) });
    response.destroy();
  });
});
server.listen(Number(process.argv[2] ?? 0), () => {
  const address = server.address();
  print({ port: typeof address === 'object' ? address?.port : undefined });
});
process.on('SIGTERM', () => process.exit(0));

/** `/<scenario>/v1/messages`, as a program asks that has `http://…/<scenario>` as its base URL. */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, scenario = '', ...path] = new URL(request.url ?? '/', 'http://stub').pathname.split('/');
  if (request.method !== 'POST') {
    response.writeHead(200).end();
    return;
  }
  const body = await json(request);
  if (path.join('/') === 'v1/messages/count_tokens') return sendJson(response, 200, { input_tokens: 100 });
  const script = scenarios[scenario];
  if (path.join('/') !== 'v1/messages' || script === undefined) return sendJson(response, 404, { type: 'error' });
  const asked = readModelRequest(body);
  const paidBy = request.headers['x-api-key'] === undefined ? 'token' : 'key';
  print({ scenario, model: asked.model, paidBy, said: asked.said });
  reply(response, asked, script(asked));
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
