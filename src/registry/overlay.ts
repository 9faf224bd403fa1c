import { buffer } from 'node:stream/consumers';
import { type Capability, setupScriptName } from '../contracts/capability.ts';
import { AppError } from '../contracts/errors.ts';
import type { Digest } from '../contracts/ids.ts';
import { worktreeNames } from '../contracts/names.ts';
import type { Storage, StoredBlob } from '../storage/storage.ts';
import { findClash } from './capability-paths.ts';
import { type LaidFile, tarOf } from './overlay-tar.ts';
import { mergeSettings, mostSettingsBytes, type NamedSettings, settingsPath } from './settings-merge.ts';

export interface ChosenCapability {
  readonly name: string;
  readonly digest: Digest;
  readonly capability: Capability;
}

export interface SetupScript {
  readonly capability: string;
  /** Below the worktree. */
  readonly path: string;
}

export interface Overlay {
  readonly tar: StoredBlob;
  /** In the order of the capabilities. */
  readonly setup: readonly SetupScript[];
}

/**
 * The files of the capabilities as one tar in storage: same capabilities, same bytes. Of two files of one path the later
 * wins, settings are merged, and each setup script has a place of its own. Undefined when there are no files.
 */
export async function buildOverlay(
  storage: Storage,
  capabilities: readonly ChosenCapability[],
): Promise<Overlay | undefined> {
  const files = layOut(capabilities);
  const settings = await mergedSettings(storage, capabilities);
  if (settings !== undefined) files.set(settings.path, settings);
  if (files.size === 0) return undefined;
  const clash = findClash(files.keys());
  if (clash !== undefined) {
    const names = capabilities.map(({ name }) => name).join(', ');
    throw new AppError('invalid-input', `Cannot lay out capabilities ${names}: "${clash}" is both a file and a folder`);
  }
  const tar = await storage.putBlob(tarOf(storage, [...files.values()].sort(byPath)));
  return { tar, setup: capabilities.flatMap(setupOf) };
}

function layOut(capabilities: readonly ChosenCapability[]): Map<string, LaidFile> {
  const files = new Map<string, LaidFile>();
  for (const [index, chosen] of capabilities.entries()) {
    for (const { path, mode, sizeBytes, digest } of chosen.capability.files) {
      const laid = path === setupScriptName ? setupPath(chosen.name, index) : path;
      files.set(laid, { path: laid, mode, sizeBytes, content: { digest } });
    }
  }
  return files;
}

function setupOf({ name, capability }: ChosenCapability, index: number): SetupScript[] {
  const hasScript = capability.files.some(({ path }) => path === setupScriptName);
  return hasScript ? [{ capability: name, path: setupPath(name, index) }] : [];
}

function setupPath(name: string, index: number): string {
  const number = String(index + 1).padStart(2, '0');
  return `${worktreeNames.folder}/${worktreeNames.setup}/${number}-${name}.sh`;
}

async function mergedSettings(
  storage: Storage,
  capabilities: readonly ChosenCapability[],
): Promise<LaidFile | undefined> {
  const found: NamedSettings[] = [];
  for (const { name, capability } of capabilities) {
    const file = capability.files.find(({ path }) => path === settingsPath);
    if (file === undefined) continue;
    if (file.sizeBytes > mostSettingsBytes) {
      const message = `Cannot merge "${settingsPath}" of capability "${name}": it is larger than ${mostSettingsBytes} bytes`;
      throw new AppError('limit-exceeded', message);
    }
    found.push({ capability: name, bytes: await buffer(storage.getBlob(file.digest)) });
  }
  if (found.length < 2) return undefined;
  const bytes = mergeSettings(found);
  return { path: settingsPath, mode: 0o644, sizeBytes: bytes.byteLength, content: { bytes } };
}

function byPath(left: LaidFile, right: LaidFile): number {
  return left.path < right.path ? -1 : 1;
}
