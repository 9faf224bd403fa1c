import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { watchLines } from '../support/fanout.ts';
import type { Project } from '../support/project.ts';
import { item, shellProject } from '../support/shell-project.ts';
import { typed } from '../support/typed-session.ts';

/** A project whose one item takes no time, with a plan for each run. */
async function quickProject(t: Parameters<typeof shellProject>[0], runIds: readonly string[]): Promise<Project> {
  const project = await shellProject(t, 'process');
  for (const id of runIds) await project.writePlan({ id, items: [item('only', 'true')] }, `${id}.json`);
  return project;
}

test('the commands work in other orders and however quickly they follow one another', async (t) => {
  const project = await quickProject(t, ['early', 'at-once', 'after']);

  const said = await typed(project, [
    'agora orch watch early >watched 2>talk & watch=$!',
    // However slow the machine, the watcher is there first.
    'until grep -q "agora orch serve" talk; do sleep 0.1; done',
    'agora orch submit early.json',
    'agora orch serve & first=$!',
    'wait $watch',
    'agora orch submit at-once.json',
    'agora orch audit at-once >bundle.json',
    'kill $first',
    'agora orch serve & second=$!',
    'agora orch submit after.json',
    'agora orch watch after',
    'kill $second',
    'wait $first',
    'wait $second',
    'agora orch serve & third=$!; kill $third',
    'wait $third || [ $? = 143 ]',
    'agora orch serve & fourth=$!',
    'agora orch submit after.json --id last',
    'agora orch watch last',
    'kill $fourth',
    'wait $fourth',
  ]);

  assert.deepEqual(
    said.filter(({ code }) => code !== 0),
    [],
  );
  assert.equal(watchLines(await project.read('watched')).at(-1)?.status, 'done');
  assert.match(await project.read('talk'), /run "early" is not submitted yet.*\n.*start one with: agora orch serve\n/);
  assert.equal(JSON.parse(await project.read('bundle.json')).report.intact, true);
  assert.doesNotMatch(said.map(({ stderr }) => stderr).join(''), /Cannot/);
});

test('on a terminal, watch prints the same lines and one hint, and --tree a picture', async (t) => {
  const project = await quickProject(t, ['shown']);
  const keyboard = [
    'agora orch serve 2>/dev/null &',
    'agora orch submit shown.json',
    'agora orch watch shown 2>hint | cat >piped',
    'agora orch watch shown 2>hint',
    'agora orch watch shown --tree',
    'AGORA_WATCH=tree agora orch watch shown >plain',
    'stty cols 12; agora orch status shown; stty cols 80',
    'kill %1',
    'wait %1; echo "served $?"',
    'exit',
  ];

  const terminal = await project.start(
    'script',
    ['-qec', 'bash --norc --noprofile -i', '/dev/null'],
    `${keyboard.join('\n')}\n`,
  ).finished;

  const screen = terminal.stdout.replaceAll('\r', '');
  assert.equal(terminal.code, 0, screen);
  assert.match(screen, /^served 0$/m);
  assert.match(screen, /^shown$/m);
  const piped = await project.read('piped');
  assert.ok(screen.includes(piped), screen);
  assert.equal(watchLines(piped).at(-1)?.status, 'done');
  assert.equal(await project.read('hint'), 'agora: --tree (or AGORA_WATCH=tree) shows this as a live view\n');
  assert.match(stripVTControlCharacters(screen), /^shown {2}done {2}\(1 done\)\n {2}✓ only {2}done/m);
  assert.match(await project.read('plain'), /^ {2}✓ only {2}done/m);
  assert.match(stripVTControlCharacters(screen), /^ {2}✓ only {2}done$/m, 'a status is not cut to the terminal');
});
