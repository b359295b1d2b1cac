/** One pass over one key: what everything that it leaves in the log has in common. */
import { randomUUID } from 'node:crypto';

export interface Pass {
  readonly id: string;
  /** Once it was read. */
  resource?: { readonly uid: string; readonly generation: number };
  /** What it came to is carried out, and has only to be told. */
  carriedOut?: true;
  /** Where it is traced. */
  trace?: { readonly trace_id: string; readonly span_id: string } | undefined;
}

export function newPass(): Pass {
  return { id: randomUUID() };
}
