/** PURE. What a statement of ours does, in two words: for the name of its span. */
import type { Statement } from './database.ts';

export interface StatementSummary {
  /** `{operation} {table}` */
  readonly text: string;
  readonly operation: 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE';
  /** What it changes first, or reads first; a function of ours where it calls one. */
  readonly table: string | undefined;
}

const summaries = new WeakMap<Statement, StatementSummary>();

/** Statements are constants: each is looked at once. */
export function summaryOf(statement: Statement): StatementSummary {
  let summary = summaries.get(statement);
  if (summary === undefined) {
    summary = summarize(statement.text);
    summaries.set(statement, summary);
  }
  return summary;
}

// `DO UPDATE` and `FOR UPDATE` belong to what stands before them.
const change = /\b(?:(INSERT) INTO|(?<!\b(?:DO|FOR) )(UPDATE)|(DELETE) FROM)\s+([a-z_]+)/;
const reading = /\b(?:FROM|JOIN)\s+([a-z_]+)/g;
// A part of the statement that it names itself.
const part = /\b([a-z_]+)(?: ?\([^)]*\))? AS (?:NOT )?(?:MATERIALIZED )?\(/g;
const call = /^\s*SELECT\s+([a-z_]+)\s*\(/;

function summarize(text: string): StatementSummary {
  const [, insert, update, remove, changed] = change.exec(text) ?? [];
  const found = insert ?? update ?? remove;
  const operation = found === 'INSERT' || found === 'UPDATE' || found === 'DELETE' ? found : 'SELECT';
  const table = changed ?? read(text) ?? call.exec(text)?.[1];
  return { text: table === undefined ? operation : `${operation} ${table}`, operation, table };
}

/** What stands outside of all brackets goes first: a column may come from a query of its own. */
function read(text: string): string | undefined {
  const parts = new Set([...text.matchAll(part)].map(([, name]) => name));
  const tables = (from: string) => [...from.matchAll(reading)].map(([, name]) => name);
  return [...tables(outside(text)), ...tables(text)].find((name) => !parts.has(name));
}

function outside(text: string): string {
  const less = text.replaceAll(/\([^()]*\)/g, '');
  return less === text ? text : outside(less);
}
