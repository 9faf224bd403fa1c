import { canonicalize } from '../../src/base/canonical-json.ts';
import { digestOf } from '../../src/base/hash.ts';
import { artifactRef, type Digest, deploymentIdSchema, type ItemId, runIdSchema } from '../../src/contracts/ids.ts';
import { type PlanItem, planSchema } from '../../src/contracts/plan.ts';
import { dispatchIdOf } from '../../src/dispatch/dispatch-id.ts';
import { finishAttempt } from '../../src/orchestrator/attempt-end.ts';
import { type Board, emptyBoard, type ItemNode, newRunBoard, type RunBoard } from '../../src/orchestrator/board.ts';
import type { Asked, AttemptOutcome } from '../../src/orchestrator/executor.ts';
import { restRuns } from '../../src/orchestrator/inquiry.ts';
import { fillSlots } from '../../src/orchestrator/ready.ts';
import { admitRun, closeRuns, openRun, type SchedulePolicy, wakeTimers } from '../../src/orchestrator/schedule.ts';
import { newTurn, type Turn, type TurnContext } from '../../src/orchestrator/turn.ts';

export const deploymentId = deploymentIdSchema.parse('0'.repeat(32));
export const origin = `agora/${deploymentId}`;

export const policy: SchedulePolicy = {
  engine: { name: 'agora-offload', version: '0.0.0' },
  anchors: ['local'],
  retry: undefined,
};

/** The scheduler's outside, for tests: attempts start and end when the test says so. */
export const context: TurnContext = {
  dispatchIdOf: (node, attempt) => dispatchIdOf({ deploymentId, runId: node.run.runId, itemId: node.id, attempt }),
  manifestOf: (node, request) => ({
    format: 'agora/manifest/v1',
    runId: node.run.runId,
    itemId: node.id,
    attempt: request.attempt,
    dispatchId: request.dispatchId,
    executor: 'dispatch',
    actor: node.run.actor,
    locks: [...node.locks],
  }),
  digestOfManifest: (manifest) => {
    const text = canonicalize(manifest);
    return { text, digest: digestOf(text) as Digest };
  },
};

export const doneOutcome: AttemptOutcome = { outcome: 'done', exitCode: 0, durationMs: 1, artifacts: [] };

/** As of an item's running attempt: a question with a patch so far. */
export function askedOutcome(node: ItemNode): AttemptOutcome & { readonly asked: Asked } {
  const dispatchId = context.dispatchIdOf(node, node.attempt);
  const artifact = (port: 'patch' | 'question', mediaType: string) => {
    const digest = digestOf(`${port} of ${node.id} ${node.attempt}`) as Digest;
    return { port, ref: artifactRef('default', dispatchId, digest), sizeBytes: 1, mediaType };
  };
  const [patch, question] = [artifact('patch', 'text/x-diff'), artifact('question', 'application/json')];
  return {
    outcome: 'needs-input',
    exitCode: 0,
    durationMs: 1,
    artifacts: [patch, question],
    asked: { question: { dispatchId, question: 'Which one?', ref: question.ref }, partialPatch: patch.ref },
  };
}

export type ItemSketch = Partial<Omit<PlanItem, 'id' | 'depends_on'>> & {
  readonly id: string;
  readonly depends_on?: readonly string[];
};

export interface RunSketch {
  readonly id?: string;
  readonly queue?: string;
  readonly age?: number;
  readonly items: readonly ItemSketch[];
}

export function aRun(sketch: RunSketch): RunBoard {
  const { id = 'run-1', queue = 'default', age = 1 } = sketch;
  const plan = planSchema.parse({ id, queue, items: sketch.items });
  return newRunBoard({
    plan: { ...plan, id: runIdSchema.parse(id) },
    planDigest: digestOf(canonicalize(plan)) as Digest,
    actor: 'human:test',
    submittedAt: new Date(0).toISOString(),
    source: undefined,
    enforceLocks: false,
    age,
  });
}

/** A board and a clock that only the test moves. */
export class Scheduler {
  readonly board: Board;
  readonly records: string[] = [];
  nowMs = 0;

  constructor(queues: Readonly<Record<string, number>> = { default: 2 }) {
    this.board = emptyBoard(queues);
  }

  admit(...runs: RunBoard[]): Turn {
    return this.turn((turn) => {
      for (const run of runs) {
        admitRun(this.board, turn, run, policy);
        openRun(turn, run);
      }
    });
  }

  finish(node: ItemNode, outcome: AttemptOutcome = doneOutcome): Turn {
    return this.turn((turn) => finishAttempt(this.board, turn, { node, attempt: node.attempt, outcome }, policy));
  }

  turn(apply: (turn: Turn) => void = () => undefined): Turn {
    const turn = newTurn(this.nowMs, origin);
    wakeTimers(this.board, turn);
    apply(turn);
    fillSlots(this.board, turn, context);
    restRuns(turn);
    closeRuns(this.board, turn);
    this.records.push(...turn.records.map((record) => record.text));
    return turn;
  }
}

export function statuses(run: RunBoard): Record<string, string> {
  return Object.fromEntries(run.items.map((node) => [node.id, node.status]));
}

export function itemOf(run: RunBoard, id: string): ItemNode {
  const node = run.itemsById.get(id as ItemId);
  if (node === undefined) throw new Error(`no item ${id}`);
  return node;
}
