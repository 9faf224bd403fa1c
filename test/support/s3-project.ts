import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { stateFolderName, stateNames } from '../../src/contracts/names.ts';
import type { S3Credentials } from '../../src/s3/s3-options.ts';
import { emptyProject, type Project } from './project.ts';

/** A bucket that several folders share, and the way there. */
export interface SharedBucket {
  readonly bucket: string;
  readonly endpoint: string;
  readonly credentials: S3Credentials;
  /** Default: 1. */
  readonly pollSeconds?: number;
}

/** A project whose storage and mailbox are in a bucket, and whose items are shell scripts over `source`. */
export async function s3Project(t: Pick<TestContext, 'after'>, shared: SharedBucket): Promise<Project> {
  const project = await emptyProject(t, 'process');
  await configure(project, shared);
  await mkdir(join(project.folder, 'source'));
  await writeFile(join(project.folder, 'source', 'greeting.txt'), 'hello\n');
  return project;
}

/** Writes the config anew, as for other keys. */
export async function configure(project: Project, { pollSeconds = 1, ...where }: SharedBucket): Promise<void> {
  const place = JSON.stringify({ region: 'us-east-1', ...where });
  const text = `import { defineConfig, S3Mailbox, S3StorageProvider } from 'agora-offload';
const place = ${place};
export default defineConfig({
  storage: new S3StorageProvider(place),
  mailbox: new S3Mailbox({ ...place, prefix: 'mailbox/', pollSeconds: ${pollSeconds} }),
  subagents: { shell: { command: ['sh', '-c', '{{script}}'] } },
  source: 'source',
});
`;
  await writeFile(join(project.folder, 'agora.config.mjs'), text);
}

/** Hands on the public key with which another folder verifies what the daemon of this one sealed. */
export async function handOverTrust(from: Project, to: Project): Promise<void> {
  await mkdir(join(to.folder, stateFolderName), { recursive: true });
  const file = join(stateFolderName, stateNames.trust);
  await cp(join(from.folder, file), join(to.folder, file));
}
