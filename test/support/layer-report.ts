/** What a run of a layer says, and which of its files may be asked again. */
import { relative } from 'node:path';

export interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[] | null;
    }[];
  }[];
}

export interface FinishedRun {
  readonly code: number;
  /** `undefined`: it wrote none. */
  readonly report: Report | undefined;
  /** What went wrong outside of every test. `undefined`: nobody knows. */
  readonly unhandled: readonly string[] | undefined;
}

/** What is spent twice once in a hundred runs is spent twice. */
const neverRetried = /concurrency|races|twice|kill|crash|rotation|redemption|lockout|canaries/;

/**
 * The files that failed, relative to `root`; none when one of them may not be asked again, or there are many, or something
 * went wrong outside of every test: that no file would answer for, whatever passes the next time.
 */
export function filesToRetry({ report, unhandled }: Omit<FinishedRun, 'code'>, root: string, most: number): string[] {
  if (report === undefined || unhandled?.length !== 0) return [];
  const failed = report.testResults.filter(({ status }) => status === 'failed').map(({ name }) => relative(root, name));
  return failed.length > most || failed.some((file) => neverRetried.test(file)) ? [] : failed;
}

/** File, name and first lines of the message of each failed test. */
export function failuresOf({ testResults }: Report, root: string): string[] {
  return testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = relative(root, name);
    const failed = assertionResults.filter((test) => test.status === 'failed');
    // A file that fails before its tests has a message and no failed test.
    if (failed.length === 0) return status === 'failed' ? [`${file}\n     ${head(message)}`] : [];
    return failed.map((test) => `${file} > ${test.fullName}\n     ${head(test.failureMessages?.[0] ?? '')}`);
  });
}

export function head(text: string): string {
  return text.split('\n').slice(0, 12).join('\n     ');
}
