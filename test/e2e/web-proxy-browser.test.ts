import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type TestContext, test } from 'node:test';
import { WebSocketServer } from 'ws';
import { waitUntil } from '../../src/base/deadline.ts';
import { startWebPlace } from '../../src/server/suite-web-proxy.ts';
import { chromiumObstacle, startChromium } from '../support/chromium.ts';

const options = { timeout: 120_000, skip: chromiumObstacle() };

const page = '<!doctype html><title>waiting</title><script src="app.js"></script>';
const script = `
  const socket = new WebSocket(new URL('chat', location.href.replace(/^http/, 'ws')));
  socket.onmessage = ({ data }) => { document.title = data; };
  addEventListener('click', () => socket.send('clicked'));`;

/** A browser, and a server whose workspaces both have a page with a script and a WebSocket. */
async function aBrowser(t: TestContext) {
  const asked: string[] = [];
  const answer = (name: string) => (request: IncomingMessage, response: ServerResponse) => {
    asked.push(`${name} ${request.method} ${request.url}`);
    if (request.url === '/app.js') response.setHeader('content-type', 'text/javascript').end(script);
    else if (request.url === '/data.json') response.setHeader('content-type', 'application/json').end('{"answer":42}');
    else response.setHeader('content-type', 'text/html').end(page);
  };
  const place = await startWebPlace(t, { web: answer('web'), other: answer('other') });
  for (const server of Object.values(place.programs)) {
    const sockets = new WebSocketServer({ server });
    sockets.on('connection', (socket) => {
      socket.send('welcome');
      socket.on('message', (bytes) => socket.send(`${bytes}!`));
    });
    t.after(() => sockets.close());
  }
  const browser = await startChromium(t);
  return { place, asked, browser };
}

/** What becomes of a promise in a page, as a word. */
const tried = (promise: string) => `(${promise}).then((value) => 'got ' + value, () => 'refused')`;
const triedSocket = (url: string) => `new Promise((resolve) => {
  const socket = new WebSocket('${url}');
  socket.onopen = () => resolve('got it');
  socket.onerror = () => resolve('refused');
})`;

test('a browser shows the page of a workspace, with its WebSocket', options, async (t) => {
  const { place, browser } = await aBrowser(t);
  const url = await place.urlOf('web');

  const tab = await browser.openTab(url.href);
  await waitUntil('the page to be welcomed', async () => (await tab.run('document.title')) === 'welcome');
  await tab.run("dispatchEvent(new Event('click'))");
  await waitUntil('its socket to answer', async () => (await tab.run('document.title')) === 'clicked!');

  assert.equal(await tab.run('location.href'), `${url.origin}/`);
  assert.equal(await tab.run("fetch('/data.json').then((reply) => reply.json()).then(({ answer }) => answer)"), 42);
  assert.equal(await tab.run("fetch('/data.json', { method: 'POST' }).then(({ status }) => status)"), 200);
  assert.equal(await tab.run('document.cookie'), '');
});

test('a page of a workspace reaches neither the server nor another workspace', options, async (t) => {
  const { place, asked, browser } = await aBrowser(t);
  const otherUrl = await place.urlOf('other');
  await browser.openTab(otherUrl.href);
  await waitUntil('the other page to be there', () => asked.includes('other GET /app.js'));
  const tab = await browser.openTab((await place.urlOf('web')).href);
  asked.length = 0;

  const other = otherUrl.origin;
  assert.equal(await tab.run(tried(`fetch('${place.url}/api/v1/whoami').then((reply) => reply.text())`)), 'refused');
  assert.equal(await tab.run(tried(`fetch('${other}/data.json', { credentials: 'include' })`)), 'refused');
  const blind = `fetch('${other}/', { method: 'POST', mode: 'no-cors', credentials: 'include' }).then(({ type }) => type)`;
  assert.equal(await tab.run(tried(blind)), 'got opaque');
  assert.equal(await tab.run(triedSocket(`${other.replace('http', 'ws')}/chat`)), 'refused');
  const frame = `new Promise((resolve) => {
    const frame = document.createElement('iframe');
    frame.src = '${other}/';
    frame.onload = () => resolve(frame.contentDocument === null);
    document.body.append(frame);
  })`;
  assert.equal(await tab.run(tried(frame)), 'got true');

  assert.deepEqual(
    asked.filter((line) => line.startsWith('other')),
    [],
  );
});

test('below the server’s own address a page is in a sandbox, and works there', options, async (t) => {
  const { place, browser } = await aBrowser(t);
  const told = await place.urlOf('web', 'http://192.0.2.1');
  const inner = await place.urlOf('other', 'http://192.0.2.1');

  const tab = await browser.openTab(new URL(`${told.pathname}${told.search}`, place.url).href);
  await waitUntil('the page to be welcomed', async () => (await tab.run('document.title')) === 'welcome');

  assert.equal(await tab.run('self.origin'), 'null');
  assert.equal(await tab.run("fetch('data.json').then((reply) => reply.json()).then(({ answer }) => answer)"), 42);
  const put = "fetch('data.json', { method: 'PUT', headers: { 'x-a': '1' } }).then(({ status }) => status)";
  assert.equal(await tab.run(put), 200);
  assert.equal(await tab.run(tried("fetch('/api/v1/openapi.json').then((reply) => reply.text())")), 'refused');
  assert.equal(await tab.run(tried('(async () => localStorage.length)()')), 'refused');
  assert.equal(await tab.run(tried('(async () => document.cookie)()')), 'refused');
  const otherPath = `${inner.pathname}data.json`;
  assert.equal(await tab.run(tried(`fetch('${otherPath}').then((reply) => reply.text())`)), 'refused');
});
