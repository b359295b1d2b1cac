/** A table that `kubectl get` printed, as a text that two runs have in common, and the file that it is compared with. */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'vitest';

export interface TableOptions {
  /** What is different each time, and what stands for it. */
  readonly masks: readonly (readonly [string | RegExp, string])[];
}

/** What moves by itself, by its column. */
const steady: Readonly<Record<string, string>> = { AGE: '1m', VERSION: '1.2.3' };

/** Each cell with its masks, columns as wide as what is in them then. */
export function steadyTable(printed: string, { masks }: TableOptions): string {
  const groups = printed.trim().split(/\n\n/);
  return `${groups.map((group) => steadyGroup(group, masks)).join('\n\n')}\n`;
}

/** `look` until it is the content of the file; `NAUTHERA_GOLDEN=write` makes the file what it is after `settled`. */
export async function untilGolden(
  file: string,
  look: () => Promise<string>,
  settled: () => Promise<unknown>,
): Promise<void> {
  if (process.env['NAUTHERA_GOLDEN'] === 'write') {
    await settled();
    writeFileSync(file, await look());
  }
  await expect.poll(look, { timeout: 180_000, interval: 500 }).toBe(readFileSync(file, 'utf8'));
}

function steadyGroup(printed: string, masks: TableOptions['masks']): string {
  const [header = '', ...lines] = printed.split('\n');
  const names = header.split(/ {2,}/).filter((name) => name !== '');
  const starts = names.map(
    (name) => header.search(new RegExp(`(?:^| {2})${name}(?: {2}|$)`)) + (header.startsWith(name) ? 0 : 2),
  );
  const rows = lines.map((line) =>
    starts.map((start, column) => {
      const cell = line.slice(start, starts[column + 1]).trim();
      const always = steady[names[column] ?? ''];
      return cell !== '' && always !== undefined
        ? always
        : masks.reduce((text, [found, by]) => text.replaceAll(found, by), cell);
    }),
  );
  const table = [names, ...rows.toSorted((one, other) => (one.join('\0') < other.join('\0') ? -1 : 1))];
  const widths = names.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  return table
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
