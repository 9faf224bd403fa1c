import type { Anchor, AnchorEntry } from '../audit/anchor.ts';
import { type AnchoredSeal, absentAnchor, anchorSeal, evidenceOf } from '../audit/anchored-seal.ts';
import { withDeadline } from '../base/deadline.ts';

/** How long the end of a run waits for an anchor. */
const patienceMs = 5_000;
/** How long an anchor is waited for when nothing else waits: it is asked several things in a row. */
const latePatienceMs = 45_000;

export interface AnchoringOptions {
  readonly anchors: readonly Anchor[];
  readonly onLine: (line: string) => void;
  readonly signal: AbortSignal;
}

interface TriedSeal extends AnchoredSeal {
  /** How long it was waited for. */
  readonly timeoutMs: number;
}

/** Brings seals to the anchors. One that does not answer is not waited for again until it was reached. */
export class Anchoring {
  readonly #options: AnchoringOptions;
  readonly #down = new Set<string>();
  readonly #weak = new Map<string, string>();

  constructor(options: AnchoringOptions) {
    this.#options = options;
  }

  /** Whether this daemon can bring anything to it. */
  isConfigured(id: string): boolean {
    return this.#options.anchors.some((anchor) => anchor.id === id);
  }

  /** In the order the run was promised them. `isLate`: it is for this that an anchor that is down is tried again. */
  anchor(promised: readonly string[], entry: AnchorEntry, isLate = false): Promise<AnchoredSeal[]> {
    return Promise.all(promised.map((id) => this.#anchorAt(id, entry, isLate)));
  }

  async #anchorAt(id: string, entry: AnchorEntry, isLate: boolean): Promise<AnchoredSeal> {
    const anchor = this.#options.anchors.find((each) => each.id === id);
    if (anchor === undefined) return { evidence: evidenceOf(absentAnchor(id), entry) };
    if (this.#down.has(id) && !isLate) return { evidence: evidenceOf(anchor, entry) };
    const timeoutMs = isLate ? latePatienceMs : patienceMs;
    const anchored = await anchorSeal(anchor, entry, withDeadline(timeoutMs, this.#options.signal));
    this.#tell(id, entry.runId, { ...anchored, timeoutMs });
    return anchored;
  }

  #tell(id: string, runId: string, { evidence, standing, failure, timeoutMs }: TriedSeal): void {
    const { onLine, signal } = this.#options;
    if (signal.aborted) return;
    if (standing?.state === 'conflict') onLine(`run ${runId}: ALARM, anchor ${id} disagrees: ${standing.because}`);
    else if (evidence.state === 'pending') this.#noteDown(id, reasonOf(failure, timeoutMs));
    else if (this.#down.delete(id)) onLine(`anchor ${id}: reached again`);
    const weakness = standing?.state === 'held' && standing.guarantee === 'detect' ? standing.because : '';
    if (weakness !== '' && this.#weak.get(id) !== weakness) {
      onLine(`anchor ${id}: earns runs no more than "detect": ${weakness}`);
    }
    if (standing?.state === 'held') this.#weak.set(id, weakness);
  }

  #noteDown(id: string, reason: string): void {
    if (this.#down.has(id)) return;
    this.#down.add(id);
    this.#options.onLine(`anchor ${id}: runs are sealed without it and anchored later: ${reason}`);
  }
}

function reasonOf(failure: unknown, timeoutMs: number): string {
  if (failure instanceof Error && failure.name === 'TimeoutError') return `no answer within ${timeoutMs / 1000} s`;
  return failure instanceof Error ? failure.message : 'it does not keep what it is given';
}
