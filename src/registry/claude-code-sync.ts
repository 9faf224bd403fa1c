import type { Dirent } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { undefinedIfMissing } from '../base/missing-file.ts';
import { AppError } from '../contracts/errors.ts';
import { nameSchema } from '../contracts/ids.ts';
import type { GivenCapability } from './capabilities.ts';
import { readCapabilityFolder } from './capability-folder.ts';
import { readFrontMatter } from './front-matter.ts';
import type { GivenSubagent } from './subagents.ts';
import type { SyncOptions, SyncProvider } from './sync-provider.ts';

const skillsFolder = '.claude/skills';
const agentsFolder = '.claude/agents';
const skillFile = 'SKILL.md';

/** A skill lies this deep at most; deeper folders are not looked at. */
const deepestSkill = 8;

/** Skills and agents as Claude Code keeps them in a project. */
export const claudeCodeSync: SyncProvider = {
  name: 'claude-code',
  capabilities: readSkills,
  subagents: readAgents,
};

/** Each folder with a SKILL.md is a capability of the folder's name, its files where Claude Code looks for them. */
async function readSkills(from: string, { onNote }: SyncOptions): Promise<GivenCapability[]> {
  const folders = await findSkills(join(from, skillsFolder), deepestSkill, onNote);
  if (folders.length === 0) throw nothing(from, `${skillsFolder}/**/${skillFile}`);
  const skills: GivenCapability[] = [];
  for (const folder of folders) {
    const name = checkedName(basename(folder), folder);
    if (skills.some((skill) => skill.name === name)) throw twice(name, folder);
    skills.push({ name, files: await readCapabilityFolder(folder, { prefix: `${skillsFolder}/${name}/` }) });
  }
  return skills;
}

async function findSkills(folder: string, depth: number, onNote: SyncOptions['onNote']): Promise<string[]> {
  const entries = await entriesIn(folder);
  // What is below a skill belongs to it.
  if (entries.some((entry) => entry.isFile() && entry.name === skillFile)) return [folder];
  if (depth === 0) return [];
  noteLinks(folder, entries, onNote);
  const found: string[] = [];
  for (const entry of entries.filter((each) => each.isDirectory())) {
    found.push(...(await findSkills(join(folder, entry.name), depth - 1, onNote)));
  }
  return found;
}

async function entriesIn(folder: string): Promise<Dirent[]> {
  const entries = await undefinedIfMissing(readdir(folder, { withFileTypes: true })).catch((cause) =>
    refuseRead(folder, cause),
  );
  return (entries ?? []).sort(byName);
}

function noteLinks(folder: string, entries: readonly Dirent[], onNote: SyncOptions['onNote']): void {
  for (const { name } of entries.filter((entry) => entry.isSymbolicLink())) {
    onNote(`${join(folder, name)} is a link and is left out`);
  }
}

/** Each Markdown file is a subagent: its text is what it is told. */
async function readAgents(from: string, { onNote }: SyncOptions): Promise<GivenSubagent[]> {
  const folder = join(from, agentsFolder);
  const entries = await entriesIn(folder);
  const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.md'));
  noteLinks(folder, entries, onNote);
  for (const entry of entries.filter((each) => each.isDirectory())) {
    onNote(`${join(folder, entry.name)} is a folder and is left out`);
  }
  if (files.length === 0) throw nothing(from, `${agentsFolder}/*.md`);
  const agents: GivenSubagent[] = [];
  for (const { name: file } of files) {
    const path = join(folder, file);
    const { fields, body } = readFrontMatter(await readFile(path).catch((cause) => refuseRead(path, cause)), path);
    if (body === '') throw new AppError('invalid-input', `Cannot read agent "${path}": it holds no text`);
    const name = checkedName(fields['name'] ?? basename(file, '.md'), path);
    if (agents.some((agent) => agent.name === name)) throw twice(name, path);
    if (fields['tools'] !== undefined) onNote(`the tools of subagent "${name}" are not carried over`);
    agents.push({ name, runtime: 'claude-code', systemPrompt: body, ...modelOf(fields['model'], path) });
  }
  return agents;
}

function refuseRead(path: string, cause: unknown): never {
  throw new AppError('source-refused', `Cannot take "${path}": it cannot be read`, { cause });
}

function modelOf(model: unknown, path: string): { readonly model?: string } {
  if (model === undefined || model === 'inherit') return {};
  if (typeof model === 'string') return { model };
  throw new AppError('invalid-input', `Cannot read agent "${path}": its model is not text`);
}

function checkedName(name: unknown, path: string): string {
  const parsed = nameSchema.safeParse(name);
  if (parsed.success) return parsed.data;
  throw new AppError(
    'invalid-input',
    `Cannot take "${path}": its name ${parsed.error.issues[0]?.message ?? 'is not one'}`,
  );
}

function twice(name: string, path: string): AppError {
  return new AppError('invalid-input', `Cannot take "${path}": there is another one named "${name}"`);
}

function nothing(from: string, pattern: string): AppError {
  return new AppError('invalid-input', `Cannot sync "${from}": there is no ${pattern} in it`);
}

function byName(left: { readonly name: string }, right: { readonly name: string }): number {
  return left.name < right.name ? -1 : 1;
}
