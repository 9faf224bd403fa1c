import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { waitUntil } from '../../base/deadline.ts';
import { Nvidia } from './nvidia.ts';
import { gpusOf } from './nvidia-csv.ts';

const first = 'GPU-5a1c1c77-3a75-2d34-9d04-0c6a4c0bfa11';
const second = 'GPU-9b2f0a10-77aa-1f08-0d2e-5f4be3a7d222';
const gib = 1024 ** 3;

test('two GPUs are told with the programs that run on them', () => {
  const gpus = `${first}, NVIDIA A100-SXM4-40GB, 87, 20480, 40960, 64, 312.45\n${second}, NVIDIA A100-SXM4-40GB, 0, 0, 40960, 31, 52.10\n`;
  const applications = `${first}, 4711, 10240\n${first}, 4712, [N/A]\n`;

  assert.deepEqual(gpusOf(gpus, applications), [
    {
      uuid: first,
      name: 'NVIDIA A100-SXM4-40GB',
      use: 0.87,
      memoryUsedBytes: 20 * gib,
      memoryTotalBytes: 40 * gib,
      temperatureCelsius: 64,
      powerWatts: 312.45,
      processes: [{ pid: 4711, memoryBytes: 10 * gib }, { pid: 4712 }],
    },
    {
      uuid: second,
      name: 'NVIDIA A100-SXM4-40GB',
      use: 0,
      memoryUsedBytes: 0,
      memoryTotalBytes: 40 * gib,
      temperatureCelsius: 31,
      powerWatts: 52.1,
      processes: [],
    },
  ]);
});

test('a divided GPU has no use of its own, and a program on two of its parts is one', () => {
  const gpus = `${first}, NVIDIA A100-SXM4-40GB, [N/A], 1234, 40960, 40, 80.00\n`;
  const applications = `${first}, 99, 100\n${first}, 99, 50\n`;

  const [gpu] = gpusOf(gpus, applications);

  assert.ok(gpu);
  assert.equal('use' in gpu, false);
  assert.deepEqual(gpu.processes, [{ pid: 99, memoryBytes: 150 * 1024 * 1024 }]);
});

test('what a device does not tell is left out, and what is no row is no GPU', () => {
  const rows = [
    `${first}, Tesla K80, [Not Supported], [Insufficient Permissions], [Unknown Error], [N/A], [Not Supported]`,
    '[GPU is lost], [GPU is lost], 0, 0, 0, 0, 0',
    'NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.',
    'No devices were found',
    '',
  ];

  assert.deepEqual(gpusOf(rows.join('\n'), 'junk\n'), [{ uuid: first, name: 'Tesla K80', processes: [] }]);
});

test('the program is asked for both tables', async (t) => {
  const program = await aProgram(
    t,
    `case "$1" in
       --query-gpu=*) echo '${first}, NVIDIA H100 80GB HBM3, 3, 512, 81559, 35, 71.20';;
       *) echo '${first}, 7, 512';;
     esac`,
  );

  const gpus = await new Nvidia({ program }).read();

  assert.deepEqual(
    gpus?.map(({ name, processes }) => ({ name, processes })),
    [{ name: 'NVIDIA H100 80GB HBM3', processes: [{ pid: 7, memoryBytes: 512 * 1024 * 1024 }] }],
  );
});

test('a machine without the program, or without a driver, has no figures rather than no GPUs', async (t) => {
  const broken = await aProgram(t, 'echo "NVIDIA-SMI has failed"; exit 9');

  assert.equal(await new Nvidia({ program: 'no-such-nvidia-smi' }).read(), undefined);
  assert.equal(await new Nvidia({ program: broken }).read(), undefined);
});

test('readers at the same time share one answer, and a missing program is not looked for each time', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'agora-nvidia-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const program = await aProgram(t, `echo asked >> ${folder}/asked`);
  const nvidia = new Nvidia({ program, freshMs: 60_000 });
  const absent = new Nvidia({ program: join(folder, 'nvidia-smi') });

  const absentFirst = await absent.read();
  await writeFile(join(folder, 'nvidia-smi'), '#!/bin/sh\necho found', { mode: 0o755 });
  await Promise.all([nvidia.read(), nvidia.read()]);
  await nvidia.read();

  assert.equal(await readFile(join(folder, 'asked'), 'utf8'), 'asked\nasked\n');
  assert.deepEqual([absentFirst, await absent.read()], [undefined, undefined]);
});

test('a driver that hangs is waited for once and asked once, and told of when it answers', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'agora-nvidia-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const gate = join(folder, 'gate');
  await promisify(execFile)('mkfifo', [gate]);
  const program = await aProgram(
    t,
    `echo asked >> ${folder}/asked
     case "$1" in --query-gpu=*) cat ${gate}; echo '${first}, NVIDIA H100 80GB HBM3, 3, 512, 81559, 35, 71.20';; esac`,
  );
  const nvidia = new Nvidia({ program, patienceMs: 50 });

  const late = await nvidia.read();
  const meanwhile = await Promise.all([nvidia.read(), nvidia.read()]);
  const asked = await waitUntil('both questions', async () => {
    const text = await readFile(join(folder, 'asked'), 'utf8');
    return text === 'asked\nasked\n' && text;
  });
  await writeFile(gate, '');
  const answered = await waitUntil('the answer', () => nvidia.read());

  assert.deepEqual([late, ...meanwhile], [undefined, undefined, undefined]);
  assert.equal(asked, 'asked\nasked\n');
  assert.deepEqual(
    answered.map(({ temperatureCelsius }) => temperatureCelsius),
    [35],
  );
});

test('one GPU that is lost leaves the others told', async (t) => {
  const program = await aProgram(
    t,
    `echo '${first}, NVIDIA H100 80GB HBM3, 3, 512, 81559, 35, 71.20'
     echo 'Unable to determine the device handle for GPU0000:41:00.0: GPU is lost.  Reboot the system to recover this GPU'
     exit 15`,
  );

  const gpus = await new Nvidia({ program }).read();

  assert.deepEqual(
    gpus?.map(({ uuid, processes }) => [uuid, processes]),
    [[first, []]],
  );
});

async function aProgram(t: TestContext, script: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'agora-nvidia-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'nvidia-smi');
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}
