/** PURE. `values.yaml` as people read it: which value, what it is by default, and the `# --` comment above it. */
import { parse } from 'yaml';

export interface DocumentedValue {
  /** `image.tag`. */
  readonly path: string;
  readonly standard: unknown;
  /** Markdown, one line. */
  readonly text: string;
}

/**
 * In the order of the file. What stands below a value that is explained belongs to it.
 *
 * @throws RangeError that names a value without an explanation, or an explanation without a value.
 */
export function documentedValues(text: string): readonly DocumentedValue[] {
  const values: DocumentedValue[] = [];
  const open: { readonly key: string; readonly indent: number; readonly explained: boolean }[] = [];
  const all: unknown = parse(text);
  let comment: string[] | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const said = /^ *# ?(-- )?(.*)$/.exec(line);
    if (said !== null) {
      if (said[1] !== undefined) comment = [said[2] ?? ''];
      else comment?.push(said[2] ?? '');
      continue;
    }
    const key = /^( *)([A-Za-z]\w*):/.exec(line);
    if (key === null) continue;
    const indent = key[1]?.length ?? 0;
    while ((open.at(-1)?.indent ?? -1) >= indent) open.pop();
    const path = [...open.map((one) => one.key), key[2] ?? ''];
    const within = open.some(({ explained }) => explained);
    open.push({ key: key[2] ?? '', indent, explained: comment !== undefined });
    if (comment !== undefined)
      values.push({ path: path.join('.'), standard: at(all, path), text: comment.join(' ').trim() });
    else if (!within && !isMapping(at(all, path)))
      throw new RangeError(`values.yaml:${index + 1}: ${path.join('.')} has no comment that begins with "# --"`);
    comment = undefined;
  }
  if (comment !== undefined) throw new RangeError('values.yaml ends in a comment that explains nothing');
  return values;
}

function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce((found: unknown, key) => (isMapping(found) ? found[key] : undefined), value);
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A table of Markdown. */
export function valuesTable(values: readonly DocumentedValue[]): string {
  const rows = values.map(({ path, standard, text }) => {
    const shown = JSON.stringify(standard).replaceAll('|', '\\|');
    return `| \`${path}\` | \`${shown}\` | ${text.replaceAll('|', '\\|')} |`;
  });
  return ['| Value | Default | What it does |', '|---|---|---|', ...rows].join('\n');
}
