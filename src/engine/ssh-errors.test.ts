import assert from 'node:assert/strict';
import { test } from 'node:test';
import { legOf, sshError } from './ssh-errors.ts';
import { parseSshTarget } from './ssh-target.ts';

const target = parseSshTarget('ssh://me@target');

test('who said what is told apart by how ssh ended', () => {
  const cases = [
    [255, 'ssh: connect to host target port 22: Connection refused', 'port'],
    [1, 'error during connect: Get "http://10.0.0.1:2375/_ping": dial tcp: connect: connection refused', undefined],
    [126, 'sh: 1: docker: Permission denied', undefined],
    [255, 'me@jump: Permission denied (publickey).\nConnection closed by UNKNOWN port 65535', 'login'],
    [1, 'permission denied while trying to connect to the Docker daemon socket', 'engine'],
    [1, 'Current context "far" is not found on the file system, check your config file at /docker.json', undefined],
    [127, 'sh: 1: docker: not found', 'docker'],
    [127, 'bash: line 1: docker: command not found', 'docker'],
    [127, 'zsh:1: command not found: docker', 'docker'],
    [127, 'fish: Unknown command: docker', 'docker'],
    [1, "'docker' is not recognized as an internal or external command", 'docker'],
  ] as const;

  const legs = cases.map(([exitCode, stderr]) => legOf(sshError({ target, exitCode, stderr })));

  assert.deepEqual(
    legs,
    cases.map(([, , leg]) => leg),
  );
});

test('an old host key is forgotten by the name and in the file that ssh knows it', () => {
  const changed = 'WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!';
  const command = 'ssh-keygen -f "/home/me/.ssh/known_hosts" -R "[10.0.0.2]:2222"';
  const nextOf = (stderr: string) => sshError({ target, exitCode: 255, stderr }).next ?? '';

  assert.match(
    nextOf(`${changed}\n  remove with:\n  ${command}\nHost key verification failed.`),
    /`ssh-keygen -f "\/home/,
  );
  assert.match(nextOf(`${changed}\n  ssh-keygen -f "/$(reboot)" -R "x"`), /`ssh-keygen -R target`/);
});
