import assert from 'node:assert/strict';
import type { DispatchReport } from '../../src/client/dispatch-report.ts';
import { runScript } from './dispatches.ts';
import type { Finished, Project } from './project.ts';

/** How a dispatch of a hostile program ended. */
export interface Attack extends Finished {
  readonly report: DispatchReport;
}

/** A program as the source of its function, run with these arguments by Node inside the worker; it needs nothing else. */
export function programOf<T>(program: (wish: T) => void, wish: T): string {
  return `(${program})(${JSON.stringify(wish)})`;
}

/** Runs a hostile Node program as a dispatch, to its end. */
export async function attackWith(project: Project, script: string, more: readonly string[] = []): Promise<Attack> {
  const input = JSON.stringify({ script });
  const words = ['dispatch', 'run', '--subagent', 'node', '--input', input, '--json', ...more];
  return attackOf(await project.agora(words));
}

/** The same with a shell script. */
export async function attackWithShell(project: Project, script: string, more: readonly string[] = []): Promise<Attack> {
  return attackOf(await runScript(project, script, ['--json', ...more]).finished);
}

/** What a dispatch left as the output of this path; the patch or log for these ports. */
export async function leftBy(project: Project, { report }: Attack, name: string): Promise<string> {
  const found = report.artifacts.find(({ port, path }) => path === name || (path === undefined && port === name));
  assert.ok(found, `it left no "${name}": ${JSON.stringify(report)}`);
  const { code, stdout, stderr } = await project.agora(['artifact', 'get', found.ref]);
  assert.equal(code, 0, stderr);
  return stdout;
}

/** What a program wrote to `found.json` in its outputs. */
export async function foundBy(project: Project, attack: Attack): Promise<unknown> {
  assert.equal(attack.report.status, 'done', `${attack.stderr}${JSON.stringify(attack.report)}`);
  return JSON.parse(await leftBy(project, attack, 'found.json'));
}

function attackOf(finished: Finished): Attack {
  assert.notEqual(finished.stdout, '', finished.stderr);
  return { ...finished, report: JSON.parse(finished.stdout) };
}
