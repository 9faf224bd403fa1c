import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { describeSshTarget, parseSshTarget, sshCommand, sshWords } from './ssh-target.ts';

test('an address names user, host, port and socket, each of them optional but the host', () => {
  const texts = [
    'ssh://target',
    'ssh://me@target:2222',
    'ssh://me@[fe80::1]:22/run/user/1000/docker.sock',
    'ssh://a.b@h',
  ];

  const words = texts.map((text) => sshWords(parseSshTarget(text)).join(' '));

  assert.deepEqual(words, ['-- target', '-l me -p 2222 -- target', '-l me -p 22 -- fe80::1', '-l a.b -- h']);
  assert.deepEqual(
    texts.map((text) => describeSshTarget(parseSshTarget(text))),
    texts,
  );
  assert.equal(parseSshTarget(texts[2] ?? '').socket, '/run/user/1000/docker.sock');
  assert.equal(parseSshTarget('ssh://target/').socket, undefined);
  assert.equal(sshCommand(parseSshTarget('ssh://me@target:2222')), 'ssh -p 2222 me@target');
});

test('what is no address, or could be taken for an option of ssh, is refused', () => {
  const texts = [
    'ssh://',
    'ssh:///run/docker.sock',
    'ssh://-oProxyCommand=touch%20x',
    'ssh://-v@target',
    'ssh://me@-v',
    'ssh://a%0ab@target',
    'ssh://target/run/a%0ab.sock',
    'ssh://target/run/a%00.sock',
    'ssh://target?x=1',
    'ssh://target#x',
    'ssh://target:99999',
    `ssh://${'a'.repeat(300)}`,
    'http://target',
    'target',
  ];

  for (const text of texts)
    assert.throws(
      () => parseSshTarget(text),
      (error) => isAppError(error, 'invalid-config'),
      text,
    );
});

test('a password in an address is refused and not repeated', () => {
  assert.throws(
    () => parseSshTarget('ssh://me:hush@target'),
    (error) => isAppError(error, 'invalid-config') && !error.message.includes('hush'),
  );
});
