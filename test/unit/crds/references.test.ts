import { kindNames, kinds } from '@nauthera/crds';
import { describe, expect, it } from 'vitest';
import type { Structural } from '../../../crds/src/structural.ts';
import { objectName } from '../../../crds/src/text-rules.ts';

interface Reference {
  readonly path: string;
  readonly name: Structural;
  /** What else it holds. */
  readonly more: readonly string[];
}

/** Fields that name a Secret, a ConfigMap or a resource: `…Ref`, and lists of them. */
function references(schema: Structural, path: string): Reference[] {
  const { properties = {} } = schema.items ?? schema;
  return Object.entries(properties).flatMap(([field, inner]) => {
    const here = `${path}.${field}`;
    const name = inner.properties?.name;
    const own =
      field.endsWith('Ref') && name !== undefined
        ? [{ path: here, name, more: Object.keys(inner.properties ?? {}).filter((one) => one !== 'name') }]
        : [];
    return [...own, ...references(inner, here)];
  });
}

const all = kindNames.flatMap((kind) => references(kinds[kind].schema.properties?.spec as Structural, kind));

describe('I9 A71 what a resource names', () => {
  it('is seen', () => expect(all.length).toBeGreaterThanOrEqual(10));

  it.each(all)('$path: the name of an object, never a path', ({ name }) => {
    const rules = name['x-kubernetes-validations']?.map(({ rule }) => rule) ?? [];
    expect(rules).toContain(objectName.rule);
  });

  it.each(all.filter(({ path }) => !path.endsWith('.authorizationServerRef')))(
    '$path: of its own namespace, whatever stands beside the name',
    ({ more }) => expect(more.filter((field) => field !== 'key' && field !== 'kind')).toEqual([]),
  );
});
