import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cookieOfWorkspace, cookiesForWorkspace, cookiesNamed } from './web-proxy-cookies.ts';

test('all cookies of a name are found, whatever is between them', () => {
  assert.deepEqual(cookiesNamed('agora-web=1; x=agora-web=2;agora-web=3==;agora-webs=4', 'agora-web'), ['1', '3==']);
  assert.deepEqual(cookiesNamed(undefined, 'agora-web'), []);
});

test('a workspace is told its own cookies and none of ours', () => {
  assert.equal(cookiesForWorkspace('a=1; agora-web=2; __Host-agora-web=3; AGORA-x=4; b'), 'a=1; b');
  assert.equal(cookiesForWorkspace('agora-web=2'), undefined);
});

test('a workspace sets cookies for its own address alone', () => {
  assert.equal(cookieOfWorkspace('a=1; Domain=example.org; Path=/x; HttpOnly', ''), 'a=1; Path=/x; HttpOnly');
  assert.equal(cookieOfWorkspace('a=1; DOMAIN = example.org;path= /x', '/proxy/h/w/80'), 'a=1; Path=/proxy/h/w/80/x');
  assert.equal(cookieOfWorkspace('a=1', '/proxy/h/w/80'), 'a=1; Path=/proxy/h/w/80/');
  assert.equal(cookieOfWorkspace('a=1; Path=x', '/proxy/h/w/80'), 'a=1; Path=/proxy/h/w/80/');
  assert.equal(cookieOfWorkspace(' agora-web=1; Path=/', ''), undefined);
  assert.equal(cookieOfWorkspace('__Host-agora-web=1; Path=/; Secure', ''), undefined);
});
