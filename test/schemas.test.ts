import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { jsonSchemaFiles } from '../scripts/json-schemas.ts';
import { repositoryRoot } from './support/source-files.ts';

for (const [name, text] of Object.entries(jsonSchemaFiles())) {
  test(`schemas/${name} is what the code parses with`, () => {
    const published = readFileSync(join(repositoryRoot, 'schemas', name), 'utf8');

    assert.equal(published, text, 'run "npm run build" to write it anew');
  });
}
