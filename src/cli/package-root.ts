import { fileURLToPath } from 'node:url';

/** The folder of the running package: the checkout, or where it is installed. */
export const packageRoot = fileURLToPath(new URL('../../', import.meta.url));

/** The program that runs this CLI again. */
export const cliProgram: readonly string[] = [
  process.execPath,
  '--disable-warning=ExperimentalWarning',
  '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON',
  fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './bin.ts' : './bin.js', import.meta.url)),
];
