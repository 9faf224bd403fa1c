import { fileURLToPath } from 'node:url';

/** The folder of the running package: the checkout, or where it is installed. */
export const packageRoot = fileURLToPath(new URL('../../', import.meta.url));
