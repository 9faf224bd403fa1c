import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cliPage } from './reference-cli.ts';
import { hostSpecPage } from './reference-host-spec.ts';
import { planPage } from './reference-plan.ts';

/** The pages that are made from the code, by their path in the repository. */
export async function referencePages(): Promise<Readonly<Record<string, string>>> {
  return {
    'docs/reference/cli.md': await cliPage(),
    'docs/reference/host-spec.md': hostSpecPage(),
    'docs/reference/plan.md': planPage(),
  };
}

export async function writeReferencePages(root: string): Promise<void> {
  for (const [path, text] of Object.entries(await referencePages())) await writeFile(join(root, path), text);
}
