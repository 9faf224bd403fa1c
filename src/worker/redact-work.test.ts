import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { Redactor } from '../base/redact.ts';
import { outNames } from '../contracts/names.ts';
import { doWork } from './worker-under-test.ts';

const secret = 'hunter2/hunter2+"x"';
const secrets = { TOKEN: secret };
const shell = (script: string) => ['sh', '-c', script];
const encode = "node -e 'process.stdout.write(encodeURIComponent(process.env.TOKEN))'";

/** Fails when any file that a dispatch leaves holds the secret in some form. */
function assertClean(folder: string): void {
  const files = execFileSync('find', [folder, '-type', 'f', '-print0']).toString().split('\0').filter(Boolean);
  const redactor = new Redactor(secrets);
  for (const file of files) {
    assert.equal(redactor.holds(file), false, file);
    assert.equal(redactor.holds(execFileSync('cat', [file])), false, file);
  }
}

test('nothing that a subagent prints in any form and piece gets out', async (t) => {
  const { live, out, read } = await doWork(t, {
    command: shell(
      `printf '%s' "$TOKEN" | base64; ${encode} >&2; printf 'hunter2/'; sleep 0.2; printf 'hunter2+"x" end\n'`,
    ),
    secrets,
  });

  assert.match(live.stdout, /^<redacted:TOKEN>\S*\n<redacted:TOKEN> end\n$/);
  assert.equal(live.stderr, '<redacted:TOKEN>');
  assert.match(await read(outNames.transcript), /<redacted:TOKEN> end/);
  assertClean(out);
});

test('files that hold a secret are kept without it, text and binary, and named', async (t) => {
  const { result, out, read } = await doWork(t, {
    files: { 'a.txt': 'one\n' },
    command: shell(`echo "key=$TOKEN" >> a.txt; printf '\\000\\001%s\\000' "$TOKEN" > binary
      printf '%s' "$TOKEN" | base64 > "$AGORA_OUTPUT_DIR/encoded"; echo fine > "$AGORA_OUTPUT_DIR/fine"; echo fine > fine.txt`),
    secrets,
  });

  assert.equal(result.outcome, 'done');
  assert.deepEqual(result.redacted, ['"a.txt"', '"binary"', '"encoded"']);
  assert.match(await read(outNames.patch), /^\+key=<redacted:TOKEN>$/m);
  assert.equal(await read(`${outNames.outputs}/fine`), 'fine\n');
  assertClean(out);
});

test('a name or a link that holds a secret is left out, and told without it', async (t) => {
  const { result, out } = await doWork(t, {
    command: shell(
      'ln -s "x-$SECOND" link; echo > "name-$SECOND"; mkdir "$SECOND"; echo > "$SECOND/file"; echo > "$AGORA_OUTPUT_DIR/$SECOND"',
    ),
    secrets: { SECOND: 'hunter3-hunter3' },
  });

  assert.deepEqual([result.outcome, result.patchBytes], ['done', 0]);
  assert.deepEqual(result.leftOut, [
    '"<redacted:SECOND>/file": its name holds a secret',
    '"link": a link whose target holds a secret',
    '"name-<redacted:SECOND>": its name holds a secret',
    '"<redacted:SECOND>": its name holds a secret',
  ]);
  assert.doesNotMatch(JSON.stringify(result), /hunter3/);
  assert.doesNotMatch(execFileSync('find', [out]).toString(), /hunter3/);
});

test('a file that held a secret from the start is in no patch: the dispatch says so, the rest is kept', async (t) => {
  const { result, out, read } = await doWork(t, {
    files: { config: `key=${secret}\nother=1\n`, unchanged: secret, gone: secret },
    command: shell('sed -i s/other=1/other=2/ config; echo more > more.txt; rm gone'),
    secrets,
  });

  assert.deepEqual([result.outcome, result.failure], ['failed', 'refused']);
  assert.equal(result.message, 'The patch would show a secret that "config" held from the start');
  assert.deepEqual((await read(outNames.patch)).match(/^diff --git .*$/gm), ['diff --git a/more.txt b/more.txt']);
  assertClean(out);
});

test('a secret that cannot be blacked out is said to be shown', async (t) => {
  const { live, read } = await doWork(t, { command: shell('echo "$PIN"'), secrets: { PIN: '1234' } });

  assert.equal(live.stdout, '1234\n');
  assert.match(live.stderr, /too short to be blacked out: PIN/);
  assert.match(await read(outNames.transcript), /"stream":"supervisor","text":"too short to be blacked out: PIN\\n"/);
});
