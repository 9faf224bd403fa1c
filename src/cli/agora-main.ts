import { failedWith } from './run-command.ts';

// What a config imports as `agora-offload`, when this is bundled into one file.
export * from '../index.ts';

void import('./main.ts')
  .then(({ main }) => main(process.argv.slice(2)))
  .catch(failedWith)
  .then((code) => process.exit(code));
