import { kindNames, kinds } from '@nauthera/crds';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { Problems } from '../../../crds/src/problem.ts';
import type { Structural } from '../../../crds/src/structural.ts';
import { walk } from '../../../crds/src/walk.ts';

interface Found {
  readonly path: string;
  readonly schema: Structural;
  readonly required: boolean;
}

function fields(schema: Structural, path: string): Found[] {
  const inside = schema.items ?? schema;
  return Object.entries(inside.properties ?? {}).flatMap(([name, property]) => {
    const here = `${path}.${name}`;
    return [
      { path: here, schema: property, required: inside.required?.includes(name) ?? false },
      ...fields(property, property.type === 'array' ? `${here}[]` : here),
    ];
  });
}

const all = kindNames.flatMap((kind) => {
  const { spec, status } = kinds[kind].schema.properties ?? {};
  return [...fields(spec as Structural, `${kind}.spec`), ...fields(status as Structural, `${kind}.status`)];
});

const line = (schema: Structural, start: string) =>
  schema.description?.split('\n').find((one) => one.startsWith(start));

describe('kubectl explain', () => {
  it('there are fields to document', () => expect(all.length).toBeGreaterThan(150));

  it.each(all)('$path: what it is, and an example', ({ schema }) => {
    expect(schema.description?.split('\n')[0]).toMatch(/^[A-Z].{10,}[.:]$/);
    expect(line(schema, 'Example: ')).toBeDefined();
  });

  it.each(all)('$path: default, what happens without it, or required', ({ schema, required }) => {
    const says = schema.default !== undefined || line(schema, 'Left out: ') !== undefined;
    expect(required || says).toBe(true);
    expect(required && says, 'a required field has neither').toBe(false);
  });

  it.each(
    all.filter(({ schema }) => schema.type !== 'object' && schema.type !== 'boolean' && schema.format === undefined),
  )('$path: allowed values', ({ schema }) => expect(line(schema, 'Allowed: ')).toBeDefined());

  it.each(all)('$path: the example is allowed', ({ path, schema }) => {
    const example: unknown = parse((line(schema, 'Example: ') ?? '').slice('Example: '.length, -1));
    const problems = new Problems();
    walk(schema, example, { path, problems });
    // An example of an object may show the members that matter and leave out required ones.
    expect(problems.list.filter(({ message }) => !message.startsWith('is required'))).toEqual([]);
  });

  it.each(all.filter(({ schema }) => schema.default !== undefined))(
    '$path: the default is allowed as it stands',
    ({ path, schema }) => {
      const problems = new Problems();
      expect(walk(schema, schema.default, { path, problems })).toEqual(schema.default);
      expect(problems.list).toEqual([]);
    },
  );

  it.each(kindNames)('%s: ends in the smallest one that works', (kind) => {
    const { description } = kinds[kind].schema;
    expect(description?.endsWith(`The smallest one that works:\n\n${kinds[kind].smallest}`)).toBe(true);
  });
});

describe('rules', () => {
  const rules = (schema: Structural): readonly { message: string }[] => [
    ...(schema['x-kubernetes-validations'] ?? []),
    ...(schema.items === undefined ? [] : rules(schema.items)),
    ...Object.values(schema.properties ?? {}).flatMap(rules),
  ];

  it.each([...new Set(kindNames.flatMap((kind) => rules(kinds[kind].schema)).map(({ message }) => message))])(
    'one line that says what to do: %s',
    (message) => {
      expect(message).not.toMatch(/\n/);
      expect(message.length).toBeLessThanOrEqual(420);
    },
  );
});
