import { Refusal } from './refusal.ts';
import { type CheckName, type CheckResult, checkNames, type Failure } from './report.ts';

/** Raised inside a check that rests on one that failed. */
class Undecided extends Error {}

/** What an earlier check found; ends the present check undecided when there is nothing. */
export function given<T>(found: T | undefined): T {
  if (found === undefined) throw new Undecided();
  return found;
}

/** Runs checks and keeps their verdicts. A check that never ran, or could not, is 'n/a': never a pass. */
export class Findings {
  readonly failures: Failure[] = [];
  readonly #results = new Map<CheckName, CheckResult>();

  /** Returns what the check returns, or undefined when it failed or could not be decided. */
  check<T>(name: CheckName, run: () => T): T | undefined {
    try {
      const found = run();
      if (!this.#results.has(name)) this.#results.set(name, true);
      return found;
    } catch (error) {
      if (error instanceof Undecided) this.undecided(name);
      else if (error instanceof Refusal) this.fail(name, error.path, error.message);
      else throw error;
      return undefined;
    }
  }

  /** `code` is the failure's name where the check's own says too little. */
  fail(name: CheckName, path: string, message: string, code: Failure['check'] = name): void {
    this.#results.set(name, false);
    this.failures.push({ check: code, path, message });
  }

  undecided(name: CheckName): void {
    if (this.#results.get(name) !== false) this.#results.set(name, 'n/a');
  }

  get results(): Record<CheckName, CheckResult> {
    const entries = checkNames.map((name) => [name, this.#results.get(name) ?? 'n/a'] as const);
    return Object.fromEntries(entries) as Record<CheckName, CheckResult>;
  }

  get areAllTrue(): boolean {
    return checkNames.every((name) => this.#results.get(name) === true);
  }
}
