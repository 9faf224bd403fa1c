// Writes the reference pages that are made from the code.
import { join } from 'node:path';
import { writeReferencePages } from './reference-pages.ts';

await writeReferencePages(join(import.meta.dirname, '..'));
