/** PURE. The field reference of `crds/README.md`. */
import { type KindInfo, kindNames, kinds } from './kinds.ts';
import type { Structural } from './structural.ts';

export const reference = (): string => kindNames.map((kind) => section(kinds[kind])).join('\n\n');

function section(info: KindInfo): string {
  const [spec, status] = ['spec', 'status'].map((name) => rows(info.schema.properties?.[name], name));
  return [
    `## ${info.kind}`,
    info.description,
    `Short name \`${info.shortName}\`. The smallest one that works:`,
    `\`\`\`yaml\n${info.smallest}\n\`\`\``,
    table(spec ?? []),
    `### ${info.kind}: status`,
    table(status ?? []),
  ].join('\n\n');
}

interface Row {
  readonly path: string;
  readonly schema: Structural;
  readonly required: boolean;
}

function table(found: readonly Row[]): string {
  return ['| Field | Type | What it is |', '|---|---|---|', ...found.map(line)].join('\n');
}

function rows(schema: Structural | undefined, path: string): Row[] {
  if (schema === undefined) return [];
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const here = `${path}.${name}`;
    const inside = property.items?.properties === undefined ? property : property.items;
    const row = { path: here, schema: property, required: schema.required?.includes(name) ?? false };
    return [row, ...rows(inside, inside === property ? here : `${here}[]`)];
  });
}

function line({ path, schema, required }: Row): string {
  const text = (schema.description ?? '').split('\n').map(escape).join('<br>');
  return `| \`${path}\` | ${typeName(schema)}${required ? ', required' : ''} | ${text} |`;
}

/** A table cell holds no pipe, and what looks like a tag is none. */
function escape(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('*', '\\*').replaceAll('_', '\\_');
}

function typeName(schema: Structural): string {
  if (schema.enum !== undefined) return 'enum';
  if (schema.type === 'array') return `list of ${schema.items?.properties === undefined ? 'texts' : 'objects'}`;
  if (schema.additionalProperties !== undefined) return 'map of texts';
  return { string: 'text', integer: 'whole number', boolean: 'true or false', object: 'object' }[schema.type];
}
