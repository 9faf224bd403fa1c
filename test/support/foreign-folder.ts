import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { emptyProject, type Project, type ProjectCompute } from './project.ts';

/** A repository that knows nothing of Agora, without a commit. */
export async function aRepository(
  t: TestContext,
  compute: ProjectCompute,
  files: Readonly<Record<string, string>>,
): Promise<Project> {
  const project = await aFolder(t, compute, files);
  await git(project, 'init', '-q');
  return project;
}

/** A folder in no repository, with a home elsewhere, as a person has. */
export async function aFolder(
  t: TestContext,
  compute: ProjectCompute,
  files: Readonly<Record<string, string>>,
): Promise<Project> {
  const project = await emptyProject(t, compute);
  const home = await mkdtemp(join(tmpdir(), 'agora-home-'));
  t.after(() => rm(home, { recursive: true, force: true }));
  project.env['HOME'] = home;
  await writeFiles(project, files);
  return project;
}

async function writeFiles(project: Project, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(project.folder, path)), { recursive: true });
    await writeFile(join(project.folder, path), text);
  }
}

export async function git(project: Project, ...words: string[]): Promise<string> {
  const identity = ['-c', 'user.name=t', '-c', 'user.email=t@localhost'];
  const { stdout } = await promisify(execFile)('git', [...identity, ...words], {
    cwd: project.folder,
    env: project.env,
  });
  return stdout;
}
