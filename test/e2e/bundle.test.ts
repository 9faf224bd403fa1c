import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { packageRoot } from '../../src/config/package-root.ts';
import { emptyProject, type Finished, type Project } from '../support/project.ts';
import { item, seen, shellProject, submit, watched } from '../support/shell-project.ts';

interface Audited {
  readonly project: Project;
  readonly bundle: string;
  readonly text: string;
  /** The file in storage that holds the run's patch. */
  readonly patchFile: string;
}

/** A run that changed a file, with its bundle beside it. */
async function anAuditedRun(t: TestContext): Promise<Audited> {
  const project = await shellProject(t, 'process', { source: { 'a.txt': 'a\n' } });
  await project.serve();
  const runId = await submit(project, 'sealed', [item('change', 'echo b >> a.txt')]);
  await watched(project, runId);
  const audit = await project.agora(['orch', 'audit', 'sealed', '--out', 'bundle.json']);
  assert.equal(audit.code, 0, audit.stderr);
  const text = await project.read('bundle.json');
  const hex = String(JSON.parse(text).items[0].resultRef).split('sha256:')[1] ?? '';
  const patchFile = join(project.folder, '.agora', 'storage', 'blobs', 'sha256', hex.slice(0, 2), hex);
  return { project, bundle: join(project.folder, 'bundle.json'), text, patchFile };
}

test('verify believes only whom the reader trusts', async (t) => {
  const { project, bundle, text } = await anAuditedRun(t);
  const stranger = await emptyProject(t, 'process');
  const keyId = JSON.parse(text).report.signerKeyId;
  const trustFile = join(project.folder, '.agora', 'trust.json');

  const atHome = await project.agora(['verify', 'bundle.json']);
  const untrusted = await stranger.agora(['verify', bundle]);
  const trusted = await stranger.agora(['verify', bundle, '--trust', trustFile, '--json']);
  const missing = await stranger.agora(['verify', bundle, '--trust', 'nowhere.json']);
  await writeFile(join(stranger.folder, 'other.json'), await otherTrust(trustFile));
  const wrong = await stranger.agora(['verify', bundle, '--trust', 'other.json']);

  assert.deepEqual([atHome, untrusted, trusted, missing, wrong].map(codeOf), [0, 3, 0, 3, 1]);
  assert.match(atHome.stdout, /^Run sealed: INTACT, tamper-detecting$/m);
  assert.match(untrusted.stderr, new RegExp(`--trust.*${keyId}`));
  assert.partialDeepStrictEqual(JSON.parse(trusted.stdout), { intact: true, artifacts: 'refs-only' });
  assert.match(missing.stderr, /nowhere\.json.*no such file/);
  assert.match(wrong.stdout, /NOT INTACT/);
  assert.match(wrong.stdout, /FAIL {2}seal/);

  const alone = (words: readonly string[]) => standalone(stranger, [bundle, ...words]);
  assert.deepEqual(
    [await alone(['--trust', trustFile]), await alone(['--trust', 'other.json']), await alone([])].map(codeOf),
    [0, 1, 3],
  );
});

test('a byte changed anywhere is noticed, but for what the format says is not bound', async (t) => {
  const { project, text } = await anAuditedRun(t);
  const count = 16;
  const positions = Array.from({ length: count }, (_, index) => Math.floor((text.length * (index + 0.5)) / count));

  const verdicts = [];
  for (const at of positions) {
    const changed = `${text.slice(0, at)}${text[at] === 'x' ? 'y' : 'x'}${text.slice(at + 1)}`;
    await writeFile(join(project.folder, 'changed.json'), changed);
    const { code } = await project.agora(['verify', 'changed.json']);
    if (code === 0) assert.equal(boundPart(changed), boundPart(text), `byte ${at}`);
    else assert.equal(code, 1, `byte ${at}`);
    verdicts.push(code);
  }

  assert.ok(verdicts.filter((code) => code === 1).length >= count / 2, `${verdicts}`);
});

test('audit says which bytes storage lost or changed, and still writes the bundle', async (t) => {
  const { project, bundle, patchFile } = await anAuditedRun(t);
  const audit = async () => {
    await rm(bundle, { force: true });
    const audited = await project.agora(['orch', 'audit', 'sealed', '--out', 'bundle.json']);
    return { ...audited, report: JSON.parse(await project.read('bundle.json')).report };
  };

  const patch = await readFile(patchFile);
  await rm(patchFile);
  await writeFile(patchFile, 'something else');
  const changed = await audit();
  const refused = await project.agora(['orch', 'patch', 'sealed']);
  await rm(patchFile);
  const lost = await audit();
  await writeFile(patchFile, patch);
  const restored = await audit();

  assert.deepEqual([changed, refused, lost, restored].map(codeOf), [1, 1, 1, 0]);
  assert.partialDeepStrictEqual(changed.report, { intact: false, artifacts: 'mismatch:1' });
  assert.match(changed.stderr, /NOT INTACT[\s\S]*1 HAVE OTHER BYTES/);
  assert.doesNotMatch(refused.stdout, /something else/);
  assert.partialDeepStrictEqual(lost.report, { intact: true, artifacts: 'missing:1' });
  assert.match(lost.stderr, /1 not found/);
  assert.equal(restored.report.artifacts, 'verified');
});

test('audit exits 1 when what was published does not verify, and writes what it found', async (t) => {
  const { project, text } = await anAuditedRun(t);
  const published = join(project.folder, '.agora/mailbox/orchestrator/runs/sealed/audit.json');
  await writeFile(published, text.replace('"change"', '"chance"'));

  const audit = await project.agora(['orch', 'audit', 'sealed', '--out', 'found.json']);

  assert.equal(audit.code, 1);
  assert.match(audit.stderr, /NOT INTACT/);
  const found = JSON.parse(await project.read('found.json'));
  assert.equal(found.report.intact, false);
  assert.equal((await project.agora(['verify', 'found.json'])).code, 1);
});

test('audit waits for a run that is not sealed, then says what still runs; a run nobody knows is named', async (t) => {
  const project = await shellProject(t, 'process');
  await project.serve();
  const runId = await submit(project, 'slow', [
    item('sleeper', 'sleep 600'),
    item('next', 'true', { depends_on: ['sleeper'] }),
  ]);
  await seen(project, runId, 'sleeper', (view) => view.status === 'running');

  const [audit, unknown] = await Promise.all([
    project.agora(['orch', 'audit', 'slow', '--out', 'bundle.json']),
    project.agora(['orch', 'audit', 'slaw']),
  ]);
  await project.agora(['orch', 'cancel', 'slow']);
  const cancelled = await watched(project, runId);
  const sealed = await project.agora(['orch', 'audit', 'slow', '--out', 'bundle.json']);

  assert.deepEqual([audit, unknown, cancelled, sealed].map(codeOf), [3, 3, 1, 0]);
  assert.match(audit.stderr, /not sealed yet, still to end: sleeper \(running\), next \(pending\)/);
  assert.match(unknown.stderr, /Cannot find run "slaw": the runs are slow/);
  assert.partialDeepStrictEqual(JSON.parse(await project.read('bundle.json')).items, [{ status: 'cancelled' }, {}]);
});

function codeOf({ code }: { readonly code: number | null }): number | null {
  return code;
}

/** The same trust, but with a key that signed nothing. */
async function otherTrust(trustFile: string): Promise<string> {
  const { publicKey } = generateKeyPairSync('ed25519');
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const trust = JSON.parse(await readFile(trustFile, 'utf8'));
  const keyId = `sha256:${createHash('sha256').update(spki).digest('hex')}`;
  const publicKeyPem = publicKey.export({ type: 'spki', format: 'pem' });
  return JSON.stringify({ ...trust, keys: [{ ...trust.keys[0], keyId, publicKeyPem }] });
}

function standalone(project: Project, words: readonly string[]): Promise<Pick<Finished, 'code'>> {
  const main = join(packageRoot, 'src/audit/verify/main.ts');
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...words], { cwd: project.folder }, (error) => {
      resolve({ code: error === null ? 0 : Number(error.code) });
    });
  });
}

/** Without the members that nothing binds. */
function boundPart(text: string): string {
  const { report: _, anchors, ...bundle } = JSON.parse(text);
  return JSON.stringify({ ...bundle, anchors: anchors.map((anchor: object) => ({ ...anchor, locator: undefined })) });
}
