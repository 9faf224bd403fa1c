import { spawnSync } from 'node:child_process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { sleep } from '../base/deadline.ts';
import { AgoraClient } from '../client/client.ts';
import { AppError } from '../contracts/errors.ts';
import type { SyncProvider } from '../registry/sync-provider.ts';
import { DefinedConfig } from './define-config.ts';
import type { OrchContext } from './orch-context.ts';
import { registerOwnCopies } from './resolve-hook.ts';

/** What a config file exports, as far as the commands use it. */
export interface LoadedConfig {
  readonly path: string;
  /** `default`, else `client`. */
  readonly client: unknown;
  /** The `orch` export, or what `defineConfig` makes of its options; undefined without either. */
  readonly orch: OrchContext | undefined;
  /** The `syncProviders` export; empty without one. */
  readonly syncProviders: readonly SyncProvider[];
  readonly exports: readonly string[];
}

/** Imports a config file. A failure names the file, the line if there is one, and the reason. */
export async function loadConfig(path: string, longestMs = 30_000): Promise<LoadedConfig> {
  registerOwnCopies();
  const module = await importConfig(path, longestMs);
  const exports = Object.keys(module).sort();
  const exported = module['default'] ?? module['client'];
  const syncProviders = checkSyncProviders(path, module['syncProviders']);
  if (exported instanceof DefinedConfig) return { path, ...exported.at(path), syncProviders, exports };
  return { path, client: exported, orch: checkOrch(path, module['orch']), syncProviders, exports };
}

/** The `orch` export of a config; a config without one is an error that says how to add it. */
export async function loadOrch(path: string): Promise<OrchContext> {
  const config = await loadConfig(path);
  if (config.orch !== undefined) return config.orch;
  const exported = config.exports.length === 0 ? 'nothing' : config.exports.map((name) => `"${name}"`).join(', ');
  throw new AppError('invalid-config', `Cannot use config "${path}": it has no "orch" export, it exports ${exported}`, {
    next: `add "export default defineConfig({ … })" from agora-offload, or "export const orch = …", to ${path}`,
  });
}

/** The client of a config: its default export, else `client`. */
export async function loadClient(path: string): Promise<AgoraClient> {
  const { client, exports } = await loadConfig(path);
  if (client instanceof AgoraClient) return client;
  const exported = exports.length === 0 ? 'nothing' : exports.map((name) => `"${name}"`).join(', ');
  throw new AppError(
    'invalid-config',
    `Cannot use config "${path}": it exports no AgoraClient, it exports ${exported}`,
    {
      next: `add "export default defineConfig({ … })" or "export default new AgoraClient({ … })" to ${path}`,
    },
  );
}

async function importConfig(path: string, longestMs: number): Promise<Record<string, unknown>> {
  const loaded = new AbortController();
  try {
    const module = import(pathToFileURL(path).href) as Promise<Record<string, unknown>>;
    return await Promise.race([module, giveUp(path, longestMs, loaded.signal)]);
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    const message = cause instanceof Error ? cause.message : String(cause);
    const place = placeOf(path, cause);
    throw new AppError('invalid-config', `Cannot load config "${place}": ${message}`, {
      cause,
      next: `correct ${place} and run the command again`,
    });
  } finally {
    loaded.abort();
  }
}

/** Rejects when a config takes too long. Its timer keeps the process alive, which would end without a word. */
async function giveUp(path: string, longestMs: number, loaded: AbortSignal): Promise<never> {
  await sleep(longestMs, loaded);
  throw new AppError('invalid-config', `Cannot load config "${path}": it is not loaded after ${longestMs / 1000} s`, {
    next: 'look at its top-level awaits: one of them does not end',
  });
}

/** `path:line` when the line is known, else `path`. */
function placeOf(path: string, cause: unknown): string {
  const stack = cause instanceof Error ? (cause.stack ?? '') : '';
  for (const name of [pathToFileURL(path).href, path]) {
    const at = stack.indexOf(`${name}:`);
    const line = at < 0 ? undefined : /^\d+/.exec(stack.slice(at + name.length + 1))?.[0];
    if (line !== undefined) return `${path}:${line}`;
  }
  return cause instanceof SyntaxError ? syntaxErrorPlace(path) : path;
}

/** V8 keeps the line of a module's syntax error from its stack; `node --check` prints it. */
function syntaxErrorPlace(path: string): string {
  const check = spawnSync(process.execPath, ['--check', path], { encoding: 'utf8', timeout: 10_000 });
  const first = check.stderr.split('\n')[0] ?? '';
  const match = /^(.*):(\d+)$/.exec(first);
  if (check.status === 0 || match === null) return path;
  const file = match[1]?.startsWith('file:') ? fileURLToPath(match[1]) : match[1];
  return `${file}:${match[2]}`;
}

const orchMembers = ['transport', 'storage', 'declarations', 'runService'] as const;

function checkOrch(path: string, orch: unknown): OrchContext | undefined {
  if (orch === undefined) return undefined;
  const missing = orchMembers.filter((name) => memberOf(orch, name) === undefined);
  if (missing.length > 0) {
    throw new AppError('invalid-config', `Cannot use config "${path}": its "orch" lacks ${missing.join(', ')}`, {
      next: 'build "orch" with defineConfig, or as examples/offload-fanout/agora.config.mjs does',
    });
  }
  const anchors = memberOf(orch, 'anchors');
  if (anchors !== undefined && !Array.isArray(anchors)) {
    throw new AppError('invalid-config', `Cannot use config "${path}": the "anchors" of its "orch" are not a list`);
  }
  // A class instance from the user's own code: its members were checked to be there, their types cannot be.
  return orch as OrchContext;
}

function checkSyncProviders(path: string, providers: unknown): readonly SyncProvider[] {
  if (providers === undefined) return [];
  const isProvider = (each: unknown) => typeof memberOf(each, 'name') === 'string';
  if (!Array.isArray(providers) || !providers.every(isProvider)) {
    throw new AppError(
      'invalid-config',
      `Cannot use config "${path}": its "syncProviders" is not a list of providers`,
      {
        next: 'export const syncProviders = [{ name, capabilities, subagents }]',
      },
    );
  }
  // The user's own code, as with "orch".
  return providers as readonly SyncProvider[];
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
