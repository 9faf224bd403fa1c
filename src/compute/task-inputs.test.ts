import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { subagentSchema } from '../contracts/subagent.ts';
import { taskSpecSchema } from '../contracts/task.ts';
import { aDeploymentId, aTask } from './suite-tasks.ts';
import { secretBytes } from './task-inputs.ts';

const hostile = 'x\0--ro-bind\0/\0/dev';

test('a NUL in a command, a variable or a secret is refused before anything starts', () => {
  const task = aTask({ command: ['true'], deploymentId: aDeploymentId() });
  const secrets = { A: hostile };
  const secretSize = Buffer.byteLength(JSON.stringify(secrets));
  const tasks = [
    { ...task, spec: { ...task.spec, agent: { runtime: 'command' as const, command: ['true', hostile] } } },
    { ...task, spec: { ...task.spec, env: { A: hostile } } },
    { ...task, spec: { ...task.spec, env: { [hostile]: 'A' } } },
    { ...task, spec: { ...task.spec, secretBytes: secretSize }, secrets },
  ];

  for (const refused of tasks)
    assert.throws(
      () => secretBytes(refused),
      (error) => isAppError(error, 'invalid-input'),
    );
  assert.deepEqual(
    tasks.map(({ spec }) => taskSpecSchema.safeParse(spec).success),
    [false, false, false, true],
  );
});

test('a NUL in the command or the environment of a subagent is refused', () => {
  const isAccepted = (given: object) => subagentSchema.safeParse({ name: 'a', command: ['true'], ...given }).success;

  assert.equal(isAccepted({}), true);
  assert.equal(isAccepted({ command: ['true', hostile] }), false);
  assert.equal(isAccepted({ env: { A: hostile } }), false);
});
