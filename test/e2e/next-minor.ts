/**
 * The product as its next minor version, made of this one: its kinds know one optional field more, its servers one column
 * more, and its programs say that they are it.
 */
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../demo/checkout.ts';

export const chart = join(root, 'charts/nauthera');

const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { readonly version: string };

function following(of: string): string {
  const [major, minor] = of.split('.');
  return `${major}.${Number(minor) + 1}.0`;
}

export const thisVersion = version;
export const nextMinor = {
  version: following(version),
  /** Of the `spec` of every kind. */
  field: 'nextMinor',
  migration: '9999_next_minor',
  /** On a table that every sign-in writes. */
  column: { table: 'sessions', name: 'next_minor' },
} as const;

/** A text in which exactly `times` places were changed. @throws where there are more or fewer */
function changed(text: string, places: RegExp, by: string, times: number, what: string): string {
  const found = [...text.matchAll(places)].length;
  if (found !== times) throw new Error(`${what}: ${found} places, not ${times}`);
  return text.replaceAll(places, by);
}

const literally = (text: string): string => text.replaceAll('.', '[.]');

/** A bundled program. The version stands in a manifest within it, whose text was quoted once or twice. */
export function nextProgram(text: string, name: string): string {
  const { table, name: column } = nextMinor.column;
  const migration = `"${nextMinor.migration}": { up: (db) => db.schema.alterTable("${table}").addColumn("${column}", "text").execute() }`;
  const versioned = changed(
    text,
    new RegExp(
      String.raw`("@nauthera/(?:server|operator)\\*",(?:\s|\\n)*\\*"version\\*": \\*")${literally(version)}`,
      'g',
    ),
    `$1${nextMinor.version}`,
    1,
    `the version in ${name}`,
  );
  return changed(versioned, /("\d{4}_\w+": \w+)(\s*\};)/g, `$1, ${migration}$2`, 1, `the migrations in ${name}`);
}

/** What the kinds of the next version have in addition. */
function nextKind(text: string, name: string): string {
  const field = [
    `                ${nextMinor.field}:`,
    '                  type: string',
    '                  maxLength: 63',
    '                  description: What only the next minor version knows.',
  ].join('\n');
  const spec = /(\n {12}spec:\n {14}type: object\n[^]*?\n {14}properties:\n)/g;
  return changed(text, spec, `$1${field}\n`, 1, `the schema in ${name}`).replaceAll(
    `bundle-version: ${version}`,
    `bundle-version: ${nextMinor.version}`,
  );
}

/** The chart as it will be released next. */
export async function nextChart(): Promise<{ readonly folder: string; readonly remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'nauthera-chart-'));
  await cp(chart, folder, { recursive: true });
  const edit = async (file: string, change: (text: string) => string): Promise<void> => {
    const path = join(folder, file);
    await writeFile(path, change(await readFile(path, 'utf8')));
  };
  const versions = new RegExp(`^(version|appVersion): "?${literally(version)}"?$`, 'gm');
  await edit('Chart.yaml', (text) => changed(text, versions, `$1: "${nextMinor.version}"`, 2, 'Chart.yaml'));
  const kinds = await readdir(join(folder, 'templates/crds'));
  for (const kind of kinds) await edit(`templates/crds/${kind}`, (text) => nextKind(text, kind));
  return { folder, remove: () => rm(folder, { recursive: true }) };
}
