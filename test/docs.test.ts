import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { referencePages } from '../scripts/reference-pages.ts';
import { server as serverCommand } from '../src/cli/server.ts';
import { serverFiles } from '../src/cli/server-folder.ts';
import { defaultHostSettings } from '../src/contracts/fleet.ts';
import { environmentNames, stateNames, workerEnvironmentNames } from '../src/contracts/names.ts';
import { failureCodes, itemStatuses, runStatuses } from '../src/contracts/run.ts';
import { subagentFields } from '../src/contracts/subagent.ts';
import { engineForTests } from './support/engine.ts';
import { importTable } from './support/import-table.ts';
import { readPage } from './support/markdown-page.ts';
import { CheckoutCopy, runPage } from './support/page-session.ts';
import { privateEngineObstacle, startPrivateEngine } from './support/private-engine.ts';
import { s3Obstacle, startS3Server } from './support/s3-server.ts';
import { repositoryRoot, sourceRoot } from './support/source-files.ts';

const pages = [
  ...readdirSync(repositoryRoot).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(repositoryRoot, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
  ...['hello-world', 'init', 'offload-fanout', 'offload-minio'].map((name) => `examples/${name}/README.md`),
]
  .sort()
  .map(readPage);

const tried = pages.filter(({ path, commands }) => commands.length > 0 && !path.startsWith('examples/'));

let copy: CheckoutCopy;
let canRunItems = false;
let hasEngine = false;
let hostObstacle: string | undefined;
const hostPatienceMs = 400_000;

before(async () => {
  copy = await CheckoutCopy.make();
  canRunItems = await copy.canRunItems();
  hasEngine = (await engineForTests()).engine !== undefined;
  hostObstacle = await privateEngineObstacle();
});

after(() => copy?.remove());

for (const page of tried) {
  test(`the commands of ${page.path} do what the page says`, async (t) => {
    if (!canRunItems && process.env[environmentNames.requireEngine] !== '1') {
      t.skip('NEITHER AN ENGINE NOR BUBBLEWRAP: the commands of the pages are not run');
      return;
    }
    await copy.reset();

    const s3 = page.commands.some(({ needs }) => needs.includes('s3')) ? await s3Environment(t) : undefined;
    const has = [...(hasEngine ? ['engine'] : []), ...(s3 === undefined ? [] : ['s3'])];
    const takesHost = page.commands.some(({ needs }) => needs.includes('host'));
    if (!takesHost || hostObstacle !== undefined) return await runPage(page, copy, { has, env: s3 ?? {} });
    // An engine of its own: what the page declares has the names that a reader would choose.
    const own = await startPrivateEngine();
    try {
      await runPage(page, copy, {
        has: ['engine', 'host'],
        env: { DOCKER_HOST: own.host },
        patienceMs: hostPatienceMs,
      });
    } finally {
      await own.close();
    }
  });
}

/** A real S3 with the bucket that pages name, as the SDK finds it; undefined where there is none. */
async function s3Environment(t: TestContext): Promise<NodeJS.ProcessEnv | undefined> {
  if ((await s3Obstacle()) !== false) return undefined;
  const server = await startS3Server(t);
  await server.client().send(new CreateBucketCommand({ Bucket: 'agora-audit', ObjectLockEnabledForBucket: true }));
  return server.environment;
}

for (const page of pages) {
  test(`every link of ${page.path} leads somewhere`, () => {
    const broken = page.links.filter((link) => !/^https?:/.test(link) && !leadsSomewhere(page.path, link));

    assert.deepEqual(broken, []);
  });
}

test('the pages made from the code are current', async () => {
  for (const [path, text] of Object.entries(await referencePages())) {
    assert.equal(readFileSync(join(repositoryRoot, path), 'utf8'), text, 'run "npm run docs" to write it anew');
  }
});

test('every page below docs is in the index', () => {
  const index = readPage('docs/README.md');
  const decisions = readPage('docs/decisions/README.md');
  const listed = new Set([...pathsOf(index), ...pathsOf(decisions), index.path]);

  assert.deepEqual(
    pages.map(({ path }) => path).filter((path) => path.startsWith('docs/') && !listed.has(path)),
    [],
  );
});

const named = {
  'docs/reference/status-and-failures.md': [...itemStatuses, ...runStatuses, ...failureCodes],
  'docs/reference/config.md': [
    ...Object.keys(subagentFields.shape).filter((name) => name !== 'name'),
    ...Object.values(environmentNames),
    ...Object.values(workerEnvironmentNames),
    ...Object.values(stateNames),
  ],
  'docs/reference/server.md': [
    ...Object.keys(serverCommand.spec.options).map((option) => `--${option}`),
    ...Object.keys(defaultHostSettings).filter((setting) => setting !== 'metrics'),
    ...Object.keys(defaultHostSettings.metrics).map((setting) => `metrics.${setting}`),
    ...Object.values(serverFiles).flat(),
    environmentNames.server,
    environmentNames.token,
  ],
} as const;

for (const [path, names] of Object.entries(named)) {
  test(`${path} leaves nothing out`, () => {
    const code = [...readPage(path).text.matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? '');
    const words = new Set(code.flatMap((text) => text.split(/[^\w.-]+/)));

    assert.deepEqual(
      names.filter((name) => !words.has(name)),
      [],
    );
  });
}

test('the table of ARCHITECTURE.md is the one that is enforced', () => {
  const { text } = readPage('ARCHITECTURE.md');
  const rows = [...text.matchAll(/^\| `([a-z0-9/-]+)` \| .* \| (.*) \|$/gm)];
  const shown = Object.fromEntries(
    rows.map(([, folder = '', allowed = '']) => [folder, allowed.replace(/ ?\(.*\)$/, '')]),
  );

  assert.deepEqual(shown, Object.fromEntries(existingFolders().map((folder) => [folder, allowedIn(folder)])));
});

test('every source file that a page names is there', () => {
  const sources = readdirSync(repositoryRoot, { recursive: true, encoding: 'utf8' }).filter(
    (path) => path.endsWith('.ts') && !path.includes('node_modules'),
  );
  const missing = pages.flatMap(({ path, text }) =>
    [...text.matchAll(/`([\w/-]+\.ts)`/g)]
      .map((match) => match[1] ?? '')
      .filter((name) => !sources.some((source) => source === name || source.endsWith(`/${name}`)))
      .map((name) => `${path}: ${name}`),
  );

  assert.deepEqual(missing, []);
});

function existingFolders(): string[] {
  return Object.keys(importTable).filter((folder) => existsSync(join(sourceRoot, folder)));
}

/** What a folder may import of what exists today. */
function allowedIn(folder: string): string {
  const imports = importTable[folder]?.imports ?? [];
  if (imports === 'everything') return imports;
  return imports.filter((name) => existsSync(join(sourceRoot, name))).join(', ') || 'nothing';
}

function pathsOf(page: { readonly path: string; readonly links: readonly string[] }): string[] {
  return page.links.map((link) => join(dirname(page.path), link.replace(/#.*$/, '')));
}

function leadsSomewhere(from: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? from : join(dirname(from), path);
  if (!existsSync(join(repositoryRoot, target)) || relative('.', target).startsWith('..')) return false;
  return anchor === undefined || readPage(target).anchors.has(anchor);
}
