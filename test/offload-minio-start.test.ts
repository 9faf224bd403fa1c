import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { repositoryRoot } from './support/source-files.ts';

/** Goes on once the other one is as far. */
const meet = 'met() { : >"$MEET/$1.$WHO"; while [ ! -e "$MEET/$1.$OTHER" ]; do sleep 0.05; done; }';
const dockerStub = `#!/bin/sh
${meet}
case "$*" in *exec*) echo '{"keys":[]}'; met key;; esac
`;
const agoraStub = `#!/bin/sh
${meet}
case "$*" in *--out*) while [ "$1" != --out ]; do shift; done
printf '{"report":{"intact":true,"guarantee":"external-immutable","claim":"%s"}}' "$WHO" >"$2"; met bundle;; esac
`;

test('two `npm start` of offload-minio at once each judge their own bundle', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'agora-start-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const example = join(folder, 'examples', 'offload-minio');
  await cp(join(repositoryRoot, 'examples', 'offload-minio', 'start.sh'), join(example, 'start.sh'));
  await mkdir(join(folder, 'bin'));
  await writeFile(join(folder, 'bin', 'agora'), agoraStub, { mode: 0o755 });
  await writeFile(join(folder, 'bin', 'docker'), dockerStub, { mode: 0o755 });
  const start = async (who: string, other: string) => {
    const path = `${join(folder, 'bin')}${delimiter}${process.env['PATH']}`;
    const env = { ...process.env, PATH: path, MEET: folder, WHO: who, OTHER: other };
    const { stdout } = await promisify(execFile)('sh', [join(example, 'start.sh')], { env, timeout: 60_000 });
    return /^report\.claim: (.*)$/m.exec(stdout)?.[1];
  };

  const claims = await Promise.all([start('one', 'two'), start('two', 'one')]);

  assert.deepEqual(claims, ['one', 'two']);
  assert.deepEqual(JSON.parse(await readFile(join(example, '.agora', 'trust.json'), 'utf8')), { keys: [] });
  assert.match(await readFile(join(example, 'bundle.json'), 'utf8'), /"claim":"(one|two)"/);
});
