import assert from 'node:assert/strict';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../../src/config/package-root.ts';
import { readPage } from '../support/markdown-page.ts';
import { emptyProject } from '../support/project.ts';
import { providerPlaces } from '../support/provider-place.ts';
import { typed } from '../support/typed-session.ts';

const { commands } = readPage('examples/hello-world/README.md');

for (const { name, compute, skip } of await providerPlaces()) {
  test(`on ${name}: the commands of the smallest example work as printed`, { skip }, async (t) => {
    const project = await emptyProject(t, compute);
    const example = join(packageRoot, 'examples', 'hello-world');
    await cp(example, project.folder, { recursive: true, filter: (path) => !path.includes('.agora') });

    const said = await typed(
      project,
      commands.map(({ text }) => text),
    );

    assert.deepEqual(
      said.filter(({ code }) => code !== 0),
      [],
    );
    const [, dispatch, list, patch] = said;
    assert.match(dispatch?.stderr ?? '', /^Hello, Ada, from \S+$/m);
    const result = JSON.parse(await project.read('result.json'));
    assert.equal(result.status, 'done');
    assert.match(list?.stdout ?? '', new RegExp(`^${result.dispatchId}\\b.*greeter`, 'm'));
    assert.match(patch?.stdout ?? '', /^\+Hello, Ada, from /m);
  });
}
