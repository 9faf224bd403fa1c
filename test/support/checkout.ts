import { execFile } from 'node:child_process';
import { cp, mkdtemp, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { packageRoot } from '../../src/config/package-root.ts';
import { Project, type ProjectCompute } from './project.ts';

const parts = ['bin', 'src', 'docker', 'scripts', 'examples', 'schemas', 'package.json', '.gitignore', '.dockerignore'];

/** A clone of this checkout as it is now, installed, with nothing of ours on PATH. */
export async function checkoutCopy(t: TestContext, compute: ProjectCompute): Promise<Project> {
  const project = new Project(await mkdtemp(join(tmpdir(), 'agora-checkout-')), compute);
  t.after(() => project.close());
  const { folder, env } = project;
  const filter = (path: string) => !path.endsWith('/.agora');
  for (const part of parts) await cp(join(packageRoot, part), join(folder, part), { recursive: true, filter });
  await symlink(join(packageRoot, 'node_modules'), join(folder, 'node_modules'));
  env['PATH'] = process.env['PATH'];
  const identity = ['-c', 'user.name=tester', '-c', 'user.email=tester@example.com'];
  for (const words of [
    ['init', '--quiet'],
    ['add', 'examples'],
    [...identity, 'commit', '--quiet', '-m', 'clone'],
  ]) {
    await promisify(execFile)('git', words, { cwd: folder, env });
  }
  return project;
}
