/** One line a step, and what came of it. */

export interface Report {
  /** Runs a step and prints its line. @throws StepFailed when it failed: what builds on it need not be tried. */
  readonly step: <T>(title: string, run: () => Promise<T>) => Promise<T>;
  readonly failed: number;
  readonly passed: number;
}

/** Thrown by a failed step: the scene that it belongs to ends. */
export class StepFailed extends Error {}

export function makeReport(print: (line: string) => void): Report {
  const counts = { passed: 0, failed: 0 };
  return {
    get passed() {
      return counts.passed;
    },
    get failed() {
      return counts.failed;
    },
    async step(title, run) {
      try {
        const result = await run();
        counts.passed += 1;
        print(`  ✓ ${title}`);
        return result;
      } catch (error) {
        counts.failed += 1;
        print(`  ✗ ${title}\n      ${reasonOf(error)}`);
        throw new StepFailed(title);
      }
    },
  };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : '';
  const code = 'error' in error && typeof error.error === 'string' ? ` ${error.error}` : '';
  return `${error.message}${code}${cause}`;
}

export function expectThat(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Error(otherwise);
}
