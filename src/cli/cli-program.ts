import { fileURLToPath } from 'node:url';

/** The program and first words that run this CLI again. */
export const cliProgram: readonly string[] = [
  process.execPath,
  '--disable-warning=ExperimentalWarning',
  '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON',
  fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './bin.ts' : './bin.js', import.meta.url)),
];
