// Installs what package-lock.json says, if that is not what is there. Runs on Node 16 or newer, without a dependency.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

const lockPollMs = 200;

/** Leaves `root/node_modules` as the lockfile says; two at once wait for each other. */
export async function ensureInstalled(root, pinnedNode) {
  if (isInstalled(root, pinnedNode)) return;
  const release = await takeLock(root);
  try {
    if (isInstalled(root, pinnedNode)) return;
    await install(root);
    if (!existsSync(pinnedNode)) throw new Error(missingNode(pinnedNode));
    writeFileSync(stampPath(root), lockfileDigest(root));
  } finally {
    release();
  }
}

function isInstalled(root, pinnedNode) {
  if (!existsSync(pinnedNode)) return false;
  if (existsSync(stampPath(root)) && readFileSync(stampPath(root), 'utf8') === lockfileDigest(root)) return true;
  // npm writes this file last, so somebody's own `npm ci` or `npm install` counts too.
  const npmStamp = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(npmStamp)) return false;
  return statSync(npmStamp).mtimeMs >= statSync(join(root, 'package-lock.json')).mtimeMs;
}

function stampPath(root) {
  return join(root, 'node_modules', '.agora-installed');
}

function lockfileDigest(root) {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
}

function missingNode(pinnedNode) {
  return `Cannot find ${pinnedNode} after npm ci: npm did not run the install script of the package "node". Check that "npm config get ignore-scripts" says false, then try again`;
}

async function install(root) {
  const started = Date.now();
  process.stderr.write('Installing packages (once per lockfile) ... ');
  const { code, output } = await runNpm(root, ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  if (code !== 0) {
    process.stderr.write('failed\n');
    throw new Error(`${output.trim()}\nCannot install packages: npm ci ended with ${code}`);
  }
  process.stderr.write(`done in ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
}

function runNpm(root, words) {
  const npmScript = process.env.npm_execpath;
  const isNpm = npmScript !== undefined && /npm-cli\.c?js$/.test(npmScript);
  const [file, first] = isNpm ? [process.execPath, [npmScript]] : ['npm', []];
  return new Promise((resolve, reject) => {
    const child = spawn(file, [...first, ...words], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    child.once('error', (error) => reject(new Error(`Cannot start npm: ${error.message}`)));
    child.once('close', (code, signal) => resolve({ code: code === null ? signal : code, output }));
  });
}

/** A folder is the lock: making it is atomic, and the pid in it tells a holder that died. */
async function takeLock(root) {
  const folder = join(root, '.cache', 'install.lock');
  const holder = join(folder, 'pid');
  mkdirSync(join(root, '.cache'), { recursive: true });
  let isWaiting = false;
  while (!tryMakeFolder(folder)) {
    if (isAbandoned(folder, holder)) {
      rmSync(folder, { recursive: true, force: true });
      continue;
    }
    if (!isWaiting) process.stderr.write('Waiting for another install in this checkout ...\n');
    isWaiting = true;
    await new Promise((resolve) => setTimeout(resolve, lockPollMs));
  }
  writeFileSync(holder, String(process.pid));
  const release = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', release);
  return () => {
    process.removeListener('exit', release);
    release();
  };
}

function tryMakeFolder(folder) {
  try {
    mkdirSync(folder);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function isAbandoned(folder, holder) {
  try {
    process.kill(Number(readFileSync(holder, 'utf8')), 0);
    return false;
  } catch (error) {
    if (error.code === 'ESRCH') return true;
    if (error.code !== 'ENOENT') return false;
    // The holder writes its pid right after it made the folder.
    return existsSync(folder) && Date.now() - statSync(folder).mtimeMs > 5000;
  }
}
