import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { WebSocket } from 'ws';
import { waitUntil } from '../../src/base/deadline.ts';
import { signalGroup } from '../../src/base/process-sweep.ts';
import { environmentNames } from '../../src/contracts/names.ts';

const program = '/usr/bin/chromium';
const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
  '--remote-debugging-port=0',
];

/** Why tests of a real browser are skipped here; false where they are not. */
export function chromiumObstacle(): string | false {
  if (existsSync(program)) return false;
  const obstacle = `tests of a real browser need "${program}" (Debian: chromium)`;
  if (process.env[environmentNames.requireEngine] === '1') throw new Error(`A real browser is required: ${obstacle}`);
  process.stderr.write(`NO BROWSER: ${obstacle}: they are skipped\n`);
  return obstacle;
}

export interface Tab {
  /** What an expression of JavaScript comes to in its page; of a promise, what it resolves to. */
  run(expression: string): Promise<unknown>;
  goTo(url: string): Promise<void>;
}

/** One browser with nothing in it, gone after the test. */
export async function startChromium(t: TestContext): Promise<{ openTab(url: string): Promise<Tab> }> {
  const folder = await mkdtemp(join(tmpdir(), 'agora-chromium-'));
  const browser = spawn(program, [...flags, `--user-data-dir=${folder}`, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  const exited = once(browser, 'exit');
  t.after(async () => {
    if (browser.pid !== undefined) signalGroup(browser.pid, 'SIGKILL');
    await exited;
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  });
  const line = await devToolsLine(browser);
  const socket = new WebSocket(line, { perMessageDeflate: false });
  t.after(() => socket.terminate());
  await once(socket, 'open');
  const call = calling(socket);
  return {
    openTab: async (url) => {
      const { targetId } = await call('Target.createTarget', { url: 'about:blank' });
      const { sessionId } = await call('Target.attachToTarget', { targetId, flatten: true });
      const tab = tabOf((method, parameters) => call(method, parameters, String(sessionId)));
      await tab.goTo(url);
      return tab;
    },
  };
}

type Call = (method: string, parameters: object, sessionId?: string) => Promise<Record<string, unknown>>;

function tabOf(call: Call): Tab {
  const run = async (expression: string) => {
    const { result, exceptionDetails } = await call('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
    return (result as { value?: unknown }).value; // By the protocol.
  };
  return {
    run,
    goTo: async (url) => {
      const { errorText } = await call('Page.navigate', { url });
      if (errorText !== undefined) throw new Error(`${url}: ${errorText}`);
      await waitUntil('the page to be there', () => run("document.readyState === 'complete'"));
    },
  };
}

/** Calls of the DevTools protocol. */
function calling(socket: WebSocket): Call {
  const waiting = new Map<number, (message: { result?: Record<string, unknown>; error?: unknown }) => void>();
  socket.on('message', (bytes) => {
    const message = JSON.parse(String(bytes));
    waiting.get(message.id)?.(message);
    waiting.delete(message.id);
  });
  let last = 0;
  return async (method, params, sessionId) => {
    last += 1;
    const { promise, resolve } = Promise.withResolvers<{ result?: Record<string, unknown>; error?: unknown }>();
    waiting.set(last, resolve);
    socket.send(JSON.stringify({ id: last, method, params, sessionId }));
    const { result, error } = await promise;
    if (result === undefined) throw new Error(`${method}: ${JSON.stringify(error)}`);
    return result;
  };
}

async function devToolsLine({ stderr }: ChildProcess): Promise<string> {
  if (stderr === null) throw new Error('The browser has no standard error');
  for await (const line of createInterface(stderr)) {
    const found = /^DevTools listening on (ws:\S+)/.exec(line)?.[1];
    if (found === undefined) continue;
    stderr.resume();
    return found;
  }
  throw new Error('The browser ended before it listened');
}
