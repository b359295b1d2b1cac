import { type Kind, kindNames, kinds } from '@nauthera/crds';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Structural } from '../../crds/src/structural.ts';
import { startCluster, type TestCluster } from '../support/kube-cluster.ts';
import { until } from '../support/product.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster();
  // A kind that is established is told of in the API's own description a moment later.
  for (const kind of kindNames)
    await until(
      `${kind} is explained`,
      async () => (await cluster.kubectl(['explain', kinds[kind].shortName])).stderr === '',
    );
});
afterAll(() => cluster.stop());

interface Level {
  /** As `kubectl explain` takes it, e.g. `nclient.spec.secret`. */
  readonly path: string;
  readonly schema: Structural;
}

/** Each object below this one, and itself: what explain shows on one page. */
function levels(schema: Structural, path: string): readonly Level[] {
  const inside = schema.items ?? schema;
  if (inside.properties === undefined) return [];
  return [
    { path, schema: inside },
    ...Object.entries(inside.properties).flatMap(([name, one]) => levels(one, `${path}.${name}`)),
  ];
}

const pages = kindNames.flatMap((kind: Kind) => {
  const { shortName, schema } = kinds[kind];
  return ['spec', 'status'].flatMap((part) => {
    const below = schema.properties?.[part];
    return below === undefined ? [] : levels(below, `${shortName}.${part}`);
  });
});

/** Name and text of each field on a page of explain, lines joined. */
function fieldsOf(page: string): ReadonlyMap<string, string> {
  const [, list = ''] = page.split(/^FIELDS:\n/m);
  const fields = new Map<string, string>();
  let name = '';
  for (const line of list.split('\n')) {
    const opened = /^ {2}(\S+)\t</.exec(line)?.[1];
    if (opened !== undefined) {
      name = opened;
      fields.set(name, '');
    } else if (line.startsWith('    ')) fields.set(name, `${fields.get(name) ?? ''} ${line.trim()}`.trim());
  }
  return fields;
}

const flat = (text: string | undefined) => text?.replaceAll(/\s+/g, ' ').trim();
const described = (page: string) => flat(page.split(/^DESCRIPTION:\n/m)[1]?.split(/^FIELDS:/m)[0]);

describe('kubectl explain', () => {
  it('there are pages', () => expect(pages.length).toBeGreaterThan(50));

  it.concurrent.each(pages)(
    '$path tells every field: what it is, its default, an example',
    async ({ path, schema }) => {
      const { stdout, stderr } = await cluster.kubectl(['explain', path]);
      expect(stderr).toBe('');
      const shown = fieldsOf(stdout);
      const properties = Object.entries(schema.properties ?? {});
      expect([...shown.keys()].sort()).toEqual(properties.map(([name]) => name).sort());
      for (const [name, one] of properties) {
        const text = shown.get(name) ?? '';
        expect(text, name).toMatch(/^[A-Z].{10,} Example: \S/);
        expect(text, name).toBe(flat(one.description));
        if (one.default !== undefined && one.type !== 'object') expect(text, name).toContain('Default: ');
      }
    },
  );

  it.each(kindNames)('%s: begins with what it is and ends in the smallest one that works', async (kind) => {
    const { shortName, smallest, description } = kinds[kind];
    const { stdout } = await cluster.kubectl(['explain', shortName]);
    expect(described(stdout)).toBe(flat(`${description} The smallest one that works: ${smallest}`));
    // It can be copied: its lines are as they are, only indented.
    for (const line of smallest.split('\n')) expect(stdout).toContain(`    ${line}\n`);
    expect([...fieldsOf(stdout).keys()]).toEqual(['apiVersion', 'kind', 'metadata', 'spec', 'status']);
  });
});
