import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bubblewrapCommand, type HostRoot } from './bubblewrap.ts';

const host: HostRoot = {
  links: [{ target: 'usr/bin', path: '/bin' }],
  folders: ['/usr'],
  files: ['/etc/ssl/certs'],
  networkFiles: ['/etc/resolv.conf'],
};
const bind = { source: '/tasks/one/workspace', target: '/workspace', isWritable: true };

function command(network: 'none' | 'internet'): string[] {
  return bubblewrapCommand({ bubblewrap: '/usr/bin/bwrap', host, network, binds: [bind], workingFolder: '/workspace' });
}

/** What follows each of these flags. */
function sourcesOf(line: readonly string[], ...flags: string[]): string[] {
  return line.flatMap((word, index) => (flags.includes(word) ? [line[index + 1] ?? ''] : []));
}

test('only what is named of the host is inside', () => {
  const line = command('none');

  assert.deepEqual(sourcesOf(line, '--ro-bind'), ['/usr', '/etc/ssl/certs']);
  assert.deepEqual(sourcesOf(line, '--bind'), ['/tasks/one/workspace']);
  assert.deepEqual(sourcesOf(line, '--remount-ro'), ['/dev', '/']);
  assert.deepEqual(sourcesOf(line, '--chdir'), ['/workspace']);
});

test('the network is shared only with a task that may use it', () => {
  assert.equal(command('none').includes('--share-net'), false);
  assert.equal(command('internet').includes('--share-net'), true);
  assert.deepEqual(sourcesOf(command('internet'), '--ro-bind'), ['/usr', '/etc/ssl/certs', '/etc/resolv.conf']);
});
