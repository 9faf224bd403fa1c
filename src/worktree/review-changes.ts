import type { Abortable, WorktreePaths } from './baseline.ts';
import { BlobReader } from './blob-reader.ts';
import { git } from './git.ts';

/** A file that differs from the start. */
export interface ChangedFile {
  /** Its bytes. */
  readonly path: Buffer;
  /** True when it is a link now; its content is its target then. */
  readonly isLink: boolean;
  /** Its content at the start; nothing when it was not there. */
  readonly before: () => AsyncIterable<Buffer>;
  /** Its content now; nothing when it is gone. */
  readonly after: () => AsyncIterable<Buffer>;
}

/** What becomes of it in the patch: `withhold` leaves it as it was at the start. */
export type Verdict =
  | { readonly kind: 'keep' }
  | { readonly kind: 'withhold' }
  | { readonly kind: 'replace'; readonly content: AsyncIterable<Uint8Array> };

/** Asked about one file after the other; contents are read one at a time. */
export type ReviewFile = (file: ChangedFile) => Promise<Verdict>;

interface ReviewOptions extends Abortable {
  /** Of the start. */
  readonly tree: string;
  readonly review: ReviewFile;
}

const nothing = '0'.repeat(40);

/** Has every change in the index reviewed, and brings the verdicts into it. The worktree stays as it is. */
export async function reviewChanges(paths: WorktreePaths, { tree, review, signal }: ReviewOptions): Promise<void> {
  const changes = await changesSince(paths, tree, signal);
  if (changes.length === 0) return;
  const lines: string[] = [];
  const blobs = new BlobReader(paths, signal);
  try {
    for (const change of changes) lines.push(...(await reviewOne(paths, { change, blobs, review, signal })));
  } finally {
    await blobs.close();
  }
  if (lines.length === 0) return;
  const input = Buffer.from(lines.join(''), 'latin1');
  await git(paths, ['update-index', '--add', '--replace', '-z', '--index-info'], { input, ...(signal && { signal }) });
}

interface Change {
  readonly path: string;
  readonly old: { readonly mode: string; readonly blob: string };
  readonly now: { readonly mode: string; readonly blob: string };
}

async function changesSince(paths: WorktreePaths, tree: string, signal: AbortSignal | undefined): Promise<Change[]> {
  const listing = ['diff-index', '--cached', '--raw', '--no-renames', '--no-abbrev', '-z', tree];
  const fields = (await git(paths, listing, signal && { signal })).stdout.toString('latin1').split('\0');
  const changes: Change[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [, oldMode, mode, oldBlob, blob] = /^:(\d{6}) (\d{6}) ([0-9a-f]+) ([0-9a-f]+) /.exec(fields[at] ?? '') ?? [];
    if (oldMode === undefined || mode === undefined || oldBlob === undefined || blob === undefined) continue;
    changes.push({ path: fields[at + 1] ?? '', old: { mode: oldMode, blob: oldBlob }, now: { mode, blob } });
  }
  return changes;
}

interface OneReview extends Abortable {
  readonly change: Change;
  readonly blobs: BlobReader;
  readonly review: ReviewFile;
}

/** The lines for the index, if it has to change. */
async function reviewOne(paths: WorktreePaths, { change, blobs, review, signal }: OneReview): Promise<string[]> {
  const { path, old, now } = change;
  const contentOf = (blob: string) => () => (blob === nothing ? noBytes() : blobs.read(blob));
  const verdict = await review({
    path: Buffer.from(path, 'latin1'),
    isLink: now.mode === '120000',
    before: contentOf(old.blob),
    after: contentOf(now.blob),
  });
  if (verdict.kind === 'keep') return [];
  if (verdict.kind === 'withhold') return [`${old.blob === nothing ? '0' : old.mode} ${old.blob}\t${path}\0`];
  const writing = ['hash-object', '-w', '--no-filters', '--stdin'];
  const written = await git(paths, writing, { input: verdict.content, ...(signal && { signal }) });
  return [`${now.mode} ${written.stdout.toString('latin1').trim()}\t${path}\0`];
}

async function* noBytes(): AsyncGenerator<Buffer> {}
