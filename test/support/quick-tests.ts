/**
 * Why a test is left to `npm test`: for its `skip`. `npm run check` sets the variable, because it has to be done within a
 * minute; there a test that needs a container engine, or seconds of a processor, does not run.
 */
export const leftToNpmTest: string | false =
  process.env['AGORA_QUICK_TESTS'] === '1' && 'npm run check leaves this to npm test';

/** How often a test of random cases goes through them: `npm run check` takes a few, `npm test` all. */
export function casesOf(count: number): number {
  return leftToNpmTest === false ? count : Math.ceil(count / 5);
}
