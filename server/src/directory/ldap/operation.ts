/** What was done with a server, for metrics and for tests that count. */
import type { Purpose } from './target.ts';

export interface LdapOperation {
  readonly directory: string;
  /** URL as registered. */
  readonly server: string;
  readonly operation: 'connect' | 'bind' | 'search' | 'modify';
  readonly purpose: Purpose;
  /** `refused`: a bind or a modification that ended with another result than success. */
  readonly outcome: 'success' | 'refused' | 'failed';
  readonly milliseconds: number;
  /** Of a search: other places that the server named, which nobody follows. Left out: none. */
  readonly references?: number;
}

export interface OperationPorts {
  readonly directory: string;
  readonly observe: (operation: LdapOperation) => void;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/** Runs one operation and tells of it when it ended. */
export type Measured = <T>(
  operation: LdapOperation['operation'],
  purpose: Purpose,
  work: () => Promise<T>,
  outcomeOf?: (value: T) => LdapOperation['outcome'],
  referencesOf?: (value: T) => number,
) => Promise<T>;

export function measuredAt(server: string, { directory, observe, now }: OperationPorts): Measured {
  return async (operation, purpose, work, outcomeOf = () => 'success', referencesOf = () => 0) => {
    const start = now();
    const note = (outcome: LdapOperation['outcome'], references = 0) => {
      const what = { directory, server, operation, purpose, outcome, milliseconds: now() - start };
      observe(references === 0 ? what : { ...what, references });
    };
    try {
      const value = await work();
      note(outcomeOf(value), referencesOf(value));
      return value;
    } catch (error) {
      note('failed');
      throw error;
    }
  };
}
