import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { closeSync, existsSync, openSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { TestContext } from 'node:test';
import { type Pack, pack } from 'tar-stream';
import { waitUntil } from '../base/deadline.ts';
import { type DispatchId, dispatchIdSchema } from '../contracts/ids.ts';
import { inNames } from '../contracts/names.ts';
import { type Block, defaultBlocks } from '../contracts/pipeline.ts';
import {
  nothingElseHandedIn,
  type TaskAgent,
  type TaskLimits,
  type TaskResult,
  type TaskSpec,
} from '../contracts/task.ts';
import type { WorkerPlace } from '../contracts/worker-place.ts';
import { supervise } from './supervise.ts';

export const aDispatchId: DispatchId = dispatchIdSchema.parse(`d-${'a'.repeat(26)}`);

export const someLimits: TaskLimits = {
  cpus: 1,
  memoryMb: 256,
  pids: 64,
  diskMb: 16,
  outputBytes: 1024 * 1024,
  timeoutSeconds: 30,
};

export interface WorkWish {
  readonly command?: readonly string[];
  /** Instead of a command. */
  readonly agent?: TaskAgent;
  readonly blocks?: readonly Block[];
  readonly env?: Readonly<Record<string, string>>;
  readonly limits?: Partial<TaskLimits>;
  readonly files?: Readonly<Record<string, string>>;
  /** Files of capabilities; those below `.agora/setup/` are run in the order of their names. */
  readonly overlay?: Readonly<Record<string, string>>;
  readonly setupTimeoutSeconds?: number;
  readonly partialPatch?: string;
  readonly answer?: unknown;
  readonly session?: Readonly<Record<string, string>>;
  /** Programs on the subagent's search path, shell scripts by name. */
  readonly programs?: Readonly<Record<string, string>>;
  readonly inputs?: Readonly<Record<string, string>>;
  readonly secrets?: Readonly<Record<string, string>>;
  /** Asks to stop once this file of the worktree is there. */
  readonly stopAtFile?: string;
}

export interface Work {
  readonly result: TaskResult;
  /** The subagent's user; undefined when the tests are not run by root. */
  readonly uid: number | undefined;
  readonly workspace: string;
  readonly home: string;
  readonly out: string;
  /** Text of a file in `out`. */
  read(name: string): Promise<string>;
  /** What was shown while it ran. */
  readonly live: { readonly stdout: string; readonly stderr: string };
}

/** Does a task from its files to its result in a folder of its own, as the container would but for its paths. */
export async function doWork(t: TestContext, wish: WorkWish): Promise<Work> {
  const root = await aFolder(t);
  const place = aPlace(root);
  await handIn(place, wish);
  const secrets = wish.secrets ? JSON.stringify(wish.secrets) : '';
  await writeFile(join(place.paths.in, inNames.task), JSON.stringify(aSpec(wish, Buffer.byteLength(secrets))));

  const stop = new AbortController();
  const watching = wish.stopAtFile && stopAt(join(place.paths.workspace, wish.stopAtFile), stop);
  const shown = { stdout: join(root, 'stdout'), stderr: join(root, 'stderr') };
  const output = { stdout: openSync(shown.stdout, 'w'), stderr: openSync(shown.stderr, 'w') };
  t.after(() => Object.values(output).forEach(closeSync));
  const result = await supervise(place, {
    stdin: Readable.from([Buffer.from(secrets)]),
    stop: stop.signal,
    abandoned: new AbortController(),
    output,
  });
  await watching;
  const read = (name: string): Promise<string> => readFile(join(place.paths.out, name), 'utf8');
  const live = { stdout: await readFile(shown.stdout, 'utf8'), stderr: await readFile(shown.stderr, 'utf8') };
  const { workspace, out } = place.paths;
  return { result, uid: place.user?.uid, workspace, home: place.view.home, out, read, live };
}

/** Lays out what a compute provider would. */
async function handIn({ paths, user, view, path }: WorkerPlace, wish: WorkWish): Promise<void> {
  await mkdir(join(paths.in, inNames.inputs), { recursive: true });
  await mkdir(view.home);
  if (user) await chown(view.home, user.uid, user.gid);
  const put = (name: string, content: string | Uint8Array) => writeFile(join(paths.in, name), content);
  for (const [key, text] of Object.entries(wish.inputs ?? {})) await put(join(inNames.inputs, key), text);
  const tars = { [inNames.worktree]: wish.files, [inNames.overlay]: wish.overlay, [inNames.session]: wish.session };
  for (const [name, files] of Object.entries(tars)) {
    if (files) await put(name, await tarOf((tar) => addFiles(tar, files)));
  }
  if (wish.partialPatch !== undefined) await put(inNames.partialPatch, wish.partialPatch);
  if (wish.answer !== undefined) await put(inNames.answer, JSON.stringify(wish.answer));
  const programs = path.split(':')[0] ?? '';
  await mkdir(programs);
  for (const [name, script] of Object.entries(wish.programs ?? {})) {
    await writeFile(join(programs, name), `#!/bin/sh\n${script}`, { mode: 0o755 });
  }
}

/** A folder that is removed after the test, whatever is in it. */
export async function aFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'agora-worker-'));
  await chmod(folder, 0o711);
  t.after(() => {
    execFileSync('chmod', ['-R', 'u+rwX', folder]);
    execFileSync('rm', ['-rf', folder]);
  });
  return folder;
}

export async function tarOf(write: (tar: Pack) => void): Promise<Buffer> {
  const tar = pack();
  write(tar);
  tar.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of tar as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Program text that makes folders one inside the other, deeper than any path may be long, with a file at the end. */
export function deepTreeProgram(depth: number): string {
  const dig = `for (let i = 0; i < ${depth}; i++) { fs.mkdirSync('dddddddddd'); process.chdir('dddddddddd'); }`;
  return `const fs = require('node:fs'); ${dig} fs.writeFileSync('end', 'end');`;
}

export function digDeep(folder: string, depth: number): void {
  execFileSync(process.execPath, ['-e', deepTreeProgram(depth)], { cwd: folder });
}

function addFiles(tar: Pack, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) tar.entry({ name, mode: 0o644 }, text);
}

export function aPlace(root: string): WorkerPlace {
  const at = (name: string): string => join(root, name);
  const uid = process.geteuid?.() === 0 ? randomInt(1_700_000_000, 1_800_000_000) : undefined;
  return {
    paths: {
      in: at('in'),
      out: at('out'),
      git: at('git'),
      outputs: at('outputs'),
      workspace: at('workspace'),
    },
    view: { input: at('in/input.json'), outputs: at('outputs'), workspace: at('workspace'), home: at('home') },
    path: `${at('programs')}:/usr/local/bin:/usr/bin:/bin`,
    ...(uid !== undefined && { user: { uid, gid: uid } }),
    isContainer: false,
    endsWithStdin: false,
  };
}

function aSpec(wish: WorkWish, secretBytes: number): TaskSpec {
  const { agent, command = ['true'], blocks = defaultBlocks(), env = {}, limits, inputs = {}, overlay = {} } = wish;
  const setup = Object.keys(overlay).filter((path) => path.startsWith('.agora/setup/'));
  return {
    dispatchId: aDispatchId,
    agent: agent ?? { runtime: 'command', command: [...command] },
    blocks: [...blocks],
    ...nothingElseHandedIn,
    hasOverlay: wish.overlay !== undefined,
    setup: setup.sort().map((path) => ({ capability: path.replace(/^.*\/\d+-|\.sh$/g, ''), path })),
    setupTimeoutSeconds: wish.setupTimeoutSeconds ?? nothingElseHandedIn.setupTimeoutSeconds,
    hasPartialPatch: wish.partialPatch !== undefined,
    hasAnswer: wish.answer !== undefined,
    env: { ...env },
    limits: { ...someLimits, ...limits },
    network: 'none',
    hasWorktree: wish.files !== undefined,
    inputKeys: Object.keys(inputs),
    secretBytes,
  };
}

async function stopAt(file: string, stop: AbortController): Promise<void> {
  await waitUntil(`"${file}"`, () => existsSync(file));
  stop.abort();
}
