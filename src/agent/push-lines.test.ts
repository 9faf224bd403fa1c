import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pushLines } from './push-lines.ts';

test('each state of a layer is said once, however often it is told', () => {
  const lines: string[] = [];
  const take = pushLines((line) => lines.push(line));

  for (const said of [
    'The push refers to repository [registry.example/web]',
    '0123456789ab: Preparing',
    '0123456789ab: Pushing [=>        ]  1.2MB/52MB',
    'ba9876543210: Layer already exists',
    '0123456789ab: Pushing [=====>    ]  26MB/52MB',
    '0123456789ab: Pushing  53.1MB',
    '0123456789ab: Pushed',
    '1: digest: sha256:ab size: 528',
  ])
    take(said);

  assert.deepEqual(lines, [
    'The push refers to repository [registry.example/web]',
    '0123456789ab: Preparing',
    '0123456789ab: Pushing',
    'ba9876543210: Layer already exists',
    '0123456789ab: Pushed',
    '1: digest: sha256:ab size: 528',
  ]);
});
