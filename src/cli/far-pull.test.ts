import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '../contracts/errors.ts';
import { type EngineEndpoint, parseEngineHost } from '../engine/endpoint.ts';
import { farPull } from './far-pull.ts';

const login = { username: 'me', password: 'hush' };
const { signal } = new AbortController();

/** Pulls at an engine that lets in whoever has the login; what was sent there. */
async function pulledAt(endpoint: EngineEndpoint): Promise<unknown[]> {
  const sent: unknown[] = [];
  const engine = {
    pull: async (_: string, options: { readonly login?: unknown } = {}) => {
      sent.push(options.login);
      if (options.login === undefined) throw new AppError('refused', 'Cannot pull: it wants a login');
      return 'sha256:1';
    },
  };
  const logins = { forReference: async () => ({ login }) };
  const pull = farPull({ endpoint, engine, logins, signal });
  return [...sent, await pull('registry.example/a').catch((error: Error) => error.message), ...sent];
}

test('a login goes to an engine on this machine, over ssh, and with certificates', async () => {
  for (const endpoint of [
    parseEngineHost('unix:///run/docker.sock', 'test'),
    parseEngineHost('tcp://127.0.0.1:2375', 'test'),
    parseEngineHost('ssh://target', 'test'),
    parseEngineHost('tcp://target:2376', 'test', { certificates: '/certificates' }),
  ]) {
    assert.deepEqual(await pulledAt(endpoint), ['sha256:1', login]);
  }
});

test('a login is not sent in the clear, which is told where it would have been needed', async () => {
  const endpoint = parseEngineHost('tcp://target:2375', 'test', { isInsecure: true });

  assert.deepEqual(await pulledAt(endpoint), [
    'Cannot pull: it wants a login; the login here is not sent to tcp://target:2375, which is not encrypted',
    undefined,
  ]);
});
