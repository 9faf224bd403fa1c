import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A memory at `/memory/<key>` and an MCP server at `/mcp`, for those who have the token. Stands in for such services. */
export interface HttpsService {
  readonly url: string;
  readonly token: string;
  /** What trusts it. */
  readonly certificate: string;
  readonly memory: ReadonlyMap<string, string>;
  /** `<address> <method> <path> <status>`, in order. */
  readonly requests: readonly string[];
}

/** Listens at an address of the test's machine; gone after the test. */
export async function httpsService(t: TestContext, address: string): Promise<HttpsService> {
  const folder = await mkdtemp(join(tmpdir(), 'agora-service-'));
  const [keyFile, certificateFile] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  const name = ['-subj', '/CN=service', '-addext', `subjectAltName=IP:${address}`, '-days', '2'];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile];
  await run('openssl', ['req', '-x509', ...key, ...name, '-out', certificateFile]);
  const certificate = await readFile(certificateFile, 'utf8');
  const privateKey = await readFile(keyFile, 'utf8');
  await rm(folder, { recursive: true });

  const token = randomBytes(24).toString('hex');
  const memory = new Map<string, string>();
  const requests: string[] = [];
  const server = createServer({ key: privateKey, cert: certificate }, async (request, response) => {
    const isKnown = request.headers.authorization === `Bearer ${token}`;
    const answer = isKnown ? answerTo(request, await bodyOf(request), memory) : undefined;
    const status = isKnown ? (answer === undefined ? 404 : 200) : 401;
    requests.push(`${request.socket.remoteAddress} ${request.method} ${request.url} ${status}`);
    response.writeHead(status, { 'content-type': 'application/json' }).end(answer);
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `https://${address}:${port}`, token, certificate, memory, requests };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** Undefined where there is nothing. */
function answerTo(
  { method, url = '' }: IncomingMessage,
  body: string,
  memory: Map<string, string>,
): string | undefined {
  if (url === '/mcp') return method === 'POST' ? toolAnswer(JSON.parse(body)) : undefined;
  if (method === 'PUT') memory.set(url, body);
  return memory.get(url);
}

/** One JSON-RPC call of an MCP server with one tool, which counts letters. */
function toolAnswer({ id, method, params }: { id?: number; method: string; params?: Record<string, unknown> }): string {
  const text = String((params?.['arguments'] as { text?: unknown } | undefined)?.text ?? '');
  const results: Record<string, object> = {
    initialize: { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: { name: 'x', version: '1' } },
    'tools/list': { tools: [{ name: 'count', inputSchema: { type: 'object' } }] },
    'tools/call': { content: [{ type: 'text', text: String(text.length) }] },
  };
  return id === undefined ? '' : JSON.stringify({ jsonrpc: '2.0', id, result: results[method] ?? {} });
}
