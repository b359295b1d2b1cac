/** One line a message or a step, and what came of it. */
import { issuedBy, lineOf, type Message } from './messages.ts';

/** What was seen of one way through a flow. */
export interface ObservedRun {
  /** A response type, or a grant type. */
  readonly flow: string;
  readonly title: string;
  readonly messages: readonly Message[];
  readonly issued: readonly string[];
  /** What these messages showed besides. */
  readonly found: readonly string[];
}

export interface Report {
  /** Whatever belongs together: a heading. An error that no step caught fails it. */
  readonly scene: (title: string, play: () => Promise<void>) => Promise<void>;
  /**
   * One way through a flow. Fails unless exactly that was issued.
   * @param issues as {@link issuedBy} has it; empty: nothing
   * @param play its texts say what was found besides
   */
  readonly run: (
    of: Pick<ObservedRun, 'flow' | 'title'>,
    issues: readonly string[],
    play: () => Promise<readonly string[]>,
  ) => Promise<void>;
  /** Prints messages that were seen before this run, and makes them a part of it. */
  readonly recall: (messages: readonly Message[]) => void;
  /** Prints the messages that were seen while it ran. @throws StepFailed when it failed: what builds on it need not be tried. */
  readonly messages: <T>(play: () => Promise<T>) => Promise<T>;
  /** The same, and a line for the step itself. */
  readonly step: <T>(title: string, play: () => Promise<T>) => Promise<T>;
  /** Groundwork: printed when it fails. */
  readonly quietly: <T>(title: string, play: () => Promise<T>) => Promise<T>;
  readonly failed: number;
  readonly passed: number;
  readonly runs: readonly ObservedRun[];
}

/** Thrown by a failed step: the run or scene that it belongs to ends. */
export class StepFailed extends Error {}

interface Seen {
  readonly count: number;
  since(count: number): readonly Message[];
  givenSince(count: number): Promise<readonly string[]>;
}

export function makeReport(print: (line: string) => void, seen: Seen): Report {
  const counts = { passed: 0, failed: 0 };
  const runs: ObservedRun[] = [];
  let recalled: readonly Message[] = [];
  let printed = 0;
  let indent = '  ';

  const pass = (text: string) => {
    counts.passed += 1;
    print(`${indent}✓ ${text}`);
  };
  const fail = (text: string, error: unknown): StepFailed => {
    counts.failed += 1;
    print(`${indent}✗ ${text}\n${indent}    ${reasonOf(error)}`);
    return new StepFailed(text);
  };
  const showMessages = (say: (line: string) => void) => {
    for (const message of seen.since(printed)) say(lineOf(message));
    printed = seen.count;
  };
  const attempt = async <T>(title: string, play: () => Promise<T>): Promise<T> => {
    try {
      return await play();
    } catch (error) {
      if (error instanceof StepFailed) throw error;
      showMessages((line) => print(`${indent}· ${line}`));
      throw fail(title, error);
    }
  };
  /** What failed has been printed: what comes after does not build on it. */
  const isolated = async (title: string, play: () => Promise<void>) => {
    await attempt(title, play).catch((error: unknown) => {
      if (!(error instanceof StepFailed)) throw error;
    });
    printed = seen.count;
  };

  return {
    get passed() {
      return counts.passed;
    },
    get failed() {
      return counts.failed;
    },
    runs,
    async scene(title, play) {
      print(title);
      await isolated('this could be played', play);
    },
    async run({ flow, title }, issues, play) {
      const from = seen.count;
      print(`  ${title}`);
      indent = '    ';
      recalled = [];
      await isolated('this could be played', async () => {
        const found = await play();
        const messages = [...recalled, ...seen.since(from)];
        const issued = issuedBy(messages);
        if (issued.join() !== issues.join())
          throw new Error(`issued: ${issued.join(', ')}; expected: ${issues.join(', ')}`);
        const given = issues.length === 0 ? await seen.givenSince(from) : [];
        if (given.length > 0) throw new Error(`nothing came, but the audit log tells of ${given.join(', ')}`);
        pass([issued.length === 0 ? 'nothing was issued' : `issued: ${issued.join(', ')}`, ...found].join('; '));
        runs.push({ flow, title, messages, issued, found });
      });
      indent = '  ';
    },
    recall(messages) {
      recalled = messages;
      for (const message of messages) pass(lineOf(message));
    },
    async messages(play) {
      const result = await attempt('as expected', play);
      showMessages(pass);
      return result;
    },
    async step(title, play) {
      const result = await attempt(title, play);
      showMessages(pass);
      pass(title);
      return result;
    },
    async quietly(title, play) {
      const result = await attempt(title, play);
      printed = seen.count;
      return result;
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
