// What `npm run build` adds to the compiled sources: the bundles, the JSON Schema files and the reference pages.
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { bundledPrograms } from '../src/compute/bundled-programs.ts';
import { writeBundle } from '../src/compute/program-bundle.ts';
import { jsonSchemaFiles } from './json-schemas.ts';
import { writeReferencePages } from './reference-pages.ts';

const root = join(import.meta.dirname, '..');

for (const program of Object.values(bundledPrograms)) await writeBundle(root, program);
await writeVerifier();
await writeJsonSchemas();
await writeReferencePages(root);

/** `agora-verify` in one file that needs nothing but Node. */
async function writeVerifier(): Promise<void> {
  const outfile = join(root, 'dist', 'agora-verify.mjs');
  await build({
    absWorkingDir: root,
    entryPoints: ['src/audit/verify/main.ts'],
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    legalComments: 'none',
    logLevel: 'warning',
    tsconfigRaw: '{}',
    outfile,
  });
  await chmod(outfile, 0o755);
}

async function writeJsonSchemas(): Promise<void> {
  const folder = join(root, 'schemas');
  await mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries(jsonSchemaFiles())) await writeFile(join(folder, name), text);
}
