/** The tables of a database as an older version of the program sees them. */

export interface Column {
  readonly type: string;
  readonly required: boolean;
  readonly hasDefault: boolean;
}

export interface Catalog {
  readonly tables: Readonly<Record<string, Readonly<Record<string, Column>>>>;
  /** By table: what a row must keep to. */
  readonly constraints: Readonly<Record<string, readonly string[]>>;
  /** With the types of their arguments and of what they return. */
  readonly functions: readonly string[];
}

type Ask = (text: string) => Promise<readonly Record<string, unknown>[]>;

export async function readCatalog(ask: Ask): Promise<Catalog> {
  const columns =
    await ask(`SELECT c.relname AS "table", a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
      a.attnotnull AS required, (a.atthasdef OR a.attidentity <> '') AS has_default
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
      AND c.relname NOT LIKE 'nauthera\\_%' ORDER BY 1, 2`);
  const constraints =
    await ask(`SELECT c.relname AS "table", k.contype::text || ' ' || pg_get_constraintdef(k.oid) AS text
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
    WHERE c.relnamespace = current_schema()::regnamespace AND k.contype IN ('c', 'u', 'x', 'f', 'p')
      AND c.relname NOT LIKE 'nauthera\\_%'
    UNION ALL
    SELECT c.relname, 'u ' || pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
    WHERE c.relnamespace = current_schema()::regnamespace AND i.indisunique AND NOT i.indisprimary
      AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)
    ORDER BY 1, 2`);
  const functions = await ask(`SELECT oid::regprocedure::text || ' ' || prorettype::regtype::text AS text FROM pg_proc
    WHERE pronamespace = current_schema()::regnamespace AND prorettype <> 'trigger'::regtype ORDER BY 1`);
  const tables: Record<string, Record<string, Column>> = {};
  for (const { table, name, type, required, has_default } of columns) {
    (tables[String(table)] ??= {})[String(name)] = {
      type: String(type),
      required: required === true,
      hasDefault: has_default === true,
    };
  }
  const kept: Record<string, string[]> = {};
  for (const { table, text } of constraints) (kept[String(table)] ??= []).push(String(text));
  return { tables, constraints: kept, functions: functions.map(({ text }) => String(text)) };
}

/** What of `next` a program that was written for `before` could stumble over, in words; empty: nothing. */
export function breaks(before: Catalog, next: Catalog): readonly string[] {
  const found: string[] = [];
  for (const [table, columns] of Object.entries(before.tables)) {
    const now = next.tables[table];
    if (now === undefined) {
      found.push(`${table} is gone`);
      continue;
    }
    for (const [name, column] of Object.entries(columns)) {
      const same = now[name];
      if (same === undefined) found.push(`${table}.${name} is gone`);
      else if (same.type !== column.type) found.push(`${table}.${name} is ${same.type}, no longer ${column.type}`);
      else if (same.required && !column.required) found.push(`${table}.${name} must not be left out any more`);
      else if (same.required && column.hasDefault && !same.hasDefault)
        found.push(`${table}.${name} has no default any more`);
    }
    for (const [name, { required, hasDefault }] of Object.entries(now)) {
      if (columns[name] === undefined && required && !hasDefault)
        found.push(`${table}.${name} is new, and must be given`);
    }
    const known = before.constraints[table] ?? [];
    for (const text of next.constraints[table] ?? []) {
      if (!known.includes(text)) found.push(`${table} keeps to something new: ${text}`);
    }
  }
  for (const text of before.functions) {
    if (!next.functions.includes(text)) found.push(`the function ${text} is gone`);
  }
  return found;
}
