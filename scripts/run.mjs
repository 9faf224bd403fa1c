// What `npm run demo`, `npm test` and their siblings start. Plain JavaScript without a dependency, because it runs on
// whatever Node the machine has (16 or newer) before anything is installed.
import { spawn } from 'node:child_process';
import { cpus } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { ensureInstalled } from './install.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const pinnedNode = join(root, 'node_modules', 'node', 'bin', 'node');
const bin = (name) => join(root, 'node_modules', '.bin', name);

const quietNode = ['--disable-warning=ExperimentalWarning'];
const testNode = ['--disable-warning=ExperimentalWarning', '--test', '--test-timeout=300000'];
// Tests of an engine share it: more of them at once make each other late.
const allTests = { flags: ['--test-concurrency=2'], env: {} };
// They wait more than they compute. Their code is compiled once, for all of them and for the next time.
const quickTests = {
  flags: [`--test-concurrency=${cpus().length + 2}`],
  env: {
    AGORA_QUICK_TESTS: '1',
    NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'agora-tests'),
  },
};

const lint = () => ({ name: 'lint and format', file: bin('biome'), words: ['check', '.'] });
const types = () => ({ name: 'types', file: bin('tsc'), words: ['-p', '.'] });
const tests =
  (name, patterns, { flags, env }) =>
  (extra) => ({
    name,
    file: pinnedNode,
    words: [...testNode, ...flags, ...extra, ...patterns],
    env,
  });
const script =
  (name, path, words = []) =>
  (extra) => ({
    name,
    file: pinnedNode,
    words: [...quietNode, path, ...words, ...extra],
  });

const jobs = {
  check: [lint, types, tests('quick tests', ['src/**/*.test.ts'], quickTests)],
  test: [lint, types, tests('tests', ['src/**/*.test.ts', 'test/**/*.test.ts'], allTests)],
  demo: [script('demo', 'src/cli/bin.ts', ['demo'])],
  bench: [script('bench', 'bench/main.ts')],
  docs: [script('reference pages', 'scripts/docs.ts')],
  build: [
    () => ({ name: 'compile', file: bin('tsc'), words: ['-p', 'tsconfig.build.json'] }),
    script('bundles and schemas', 'scripts/build.ts'),
  ],
};

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 3;
  },
);

async function main([job, ...extra]) {
  const steps = jobs[job];
  if (steps === undefined) {
    process.stderr.write(`Cannot run "${job}": the jobs are ${Object.keys(jobs).join(', ')}\n`);
    return 2;
  }
  await ensureInstalled(root, pinnedNode);
  for (const toStep of steps) {
    const step = toStep(extra);
    const code = await runStep(step);
    if (code === 0) continue;
    if (steps.length > 1) process.stderr.write(`\n${job}: the step "${step.name}" failed (exit ${code})\n`);
    return code;
  }
  return 0;
}

/** Runs a step to its end, whatever signal arrives meanwhile: it gets the signal and decides. */
function runStep(step) {
  const path = [dirname(pinnedNode), join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter);
  const env = { ...process.env, ...step.env, PATH: path };
  const child = spawn(step.file, step.words, { cwd: root, stdio: 'inherit', env });
  const forward = (signal) => child.kill(signal);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, forward);
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new Error(`Cannot start "${step.name}" (${step.file}): ${error.message}`)));
    child.once('exit', (code, signal) => {
      for (const each of signals) process.removeListener(each, forward);
      resolve(code === null ? (signal === 'SIGINT' ? 130 : 143) : code);
    });
  });
}
