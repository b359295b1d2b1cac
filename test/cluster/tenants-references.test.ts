/** What tenants try with a field that names a Secret or a ConfigMap is tried with every such field of the CRDs. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import type { AnyObject } from '../support/kube-cluster.ts';
import { references } from './tenants-references.ts';

const folder = join(import.meta.dirname, '../../crds');

/** `path` and description of every text in a schema. */
function textsOf(schema: AnyObject, path: string): readonly (readonly [string, string])[] {
  const { type, properties = {}, items, additionalProperties, description = '' } = schema;
  return [
    ...(type === 'string' ? [[path, String(description)] as const] : []),
    ...Object.entries(properties as Readonly<Record<string, AnyObject>>).flatMap(([name, one]) =>
      textsOf(one, path === '' ? name : `${path}.${name}`),
    ),
    // What there is to say of the members of a list stands at the list.
    ...(items === undefined ? [] : textsOf({ description, ...items }, `${path}[]`)),
    ...(typeof additionalProperties === 'object' ? textsOf(additionalProperties, `${path}{}`) : []),
  ];
}

/** By its name or by what is said of it. */
const namesObject = ([path, description]: readonly [string, string]): boolean =>
  /(?:(?:secret|configMap|bundle)\w*Ref\.name|secret\w*\[\]|secret\.name|secretName)$/i.test(path) ||
  /\bnames? of an? (?:Secret|ConfigMap)\b|\bnames of (?:Secrets|ConfigMaps)\b|^Secret with\b/i.test(description);

it('every field of the CRDs that names a Secret or a ConfigMap is among the attacks', async () => {
  const found: string[] = [];
  for (const file of (await readdir(folder)).filter((name) => name.endsWith('.yaml'))) {
    const { spec } = parse(await readFile(join(folder, file), 'utf8')) as AnyObject;
    const schema = spec.versions[0].schema.openAPIV3Schema.properties.spec as AnyObject;
    const fields = textsOf(schema, '').filter(namesObject);
    found.push(...fields.map(([path]) => `${spec.names.kind} ${path}`));
  }
  expect(found.toSorted()).toEqual(references.map(({ kind, field }) => `${kind} ${field}`).toSorted());
});
