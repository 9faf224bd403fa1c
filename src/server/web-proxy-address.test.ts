import assert from 'node:assert/strict';
import { test } from 'node:test';
import { labelOf, readWebAddress, webUrlOf } from './web-proxy-address.ts';

const place = { host: 'box', workspace: 'web', port: 80 };

test('a place is read from a path, as it is written', () => {
  const read = (target: string) => readWebAddress('agora.example.org:8090', target, undefined);

  assert.deepEqual(read('/proxy/box/web/80/a//b?c=%2f'), {
    form: 'path',
    place,
    prefix: '/proxy/box/web/80',
    path: '/a//b?c=%2f',
  });
  assert.equal(read('/proxy/box/web/80?x')?.path, '?x');
  const others = [
    '/proxy/box/web',
    '/proxy/box/web/0/',
    '/proxy/box/web/65536/',
    '/proxy/../web/80/',
    '/proxy/b%2fx/web/80/',
  ];
  for (const other of [...others, '/proxy/box/web/80x', '/api/v1/hosts', '*', '']) assert.equal(read(other), undefined);
});

test('a place is read from a name below localhost or the domain, and from no other', () => {
  const read = (host: string) => readWebAddress(host, '/', 'apps.example.org:444');

  for (const below of ['localhost', 'localhost:8090', 'apps.example.org', 'APPS.example.org.:1'])
    assert.deepEqual(read(`80--web--box.${below}`), { form: 'origin', label: '80--web--box', path: '/' });
  const others = [
    '80--web--box.example.org',
    'web.apps.example.org',
    'x.80--web--box.localhost',
    'localhost',
    '',
    '[::1]:1',
  ];
  for (const other of [...others, '80--web--box.localhost.evil.example', 'apps.example.org'])
    assert.equal(read(other), undefined);
});

test('each place has a name of its own, that a name server takes', () => {
  const places = [
    place,
    { ...place, host: 'Box' },
    { ...place, host: 'web--box', workspace: 'a' },
    { ...place, host: 'box', workspace: 'a--web' },
    { ...place, workspace: 'w_b' },
    { ...place, workspace: 'w.b' },
    { ...place, host: 'h'.repeat(60) },
    { ...place, host: 'box-' },
    { ...place, port: 8080 },
  ];

  const labels = places.map(labelOf);

  assert.equal(labels[0], '80--web--box');
  assert.equal(new Set(labels).size, labels.length);
  for (const label of labels) assert.match(label, /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
});

test('a browser is sent where whoever asks reaches the server', () => {
  const url = (server: string, domain?: string) => webUrlOf(place, new URL(server), domain).href;

  assert.equal(url('http://localhost:8090'), 'http://80--web--box.localhost:8090/');
  assert.equal(url('http://127.0.0.1:9000', 'apps.example.org'), 'http://80--web--box.localhost:9000/');
  assert.equal(url('https://agora.example.org', 'apps.example.org'), 'https://80--web--box.apps.example.org/');
  assert.equal(
    url('https://agora.example.org:8090', 'apps.example.org'),
    'https://80--web--box.apps.example.org:8090/',
  );
  assert.equal(
    url('https://agora.example.org:8090', 'apps.example.org:444'),
    'https://80--web--box.apps.example.org:444/',
  );
  assert.equal(url('http://10.0.0.1:8090'), 'http://10.0.0.1:8090/proxy/box/web/80/');
  assert.equal(url('https://localhost:8090'), 'https://localhost:8090/proxy/box/web/80/');
});
