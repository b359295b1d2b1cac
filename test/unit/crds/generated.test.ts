import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { kindNames, kinds } from '@nauthera/crds';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { generatedFiles, largestFile } from '../../../crds/src/generate.ts';
import { structural } from '../../../crds/src/structural.ts';
import { root } from '../../rules/sources.ts';

const files = generatedFiles();

describe('generated files', () => {
  it.each(files)('$path is up to date', ({ path, content }) => {
    expect(readFileSync(join(root, path), 'utf8')).toBe(content);
  });

  it('twice the same bytes', () => expect(generatedFiles()).toEqual(files));

  it.each(files.filter(({ path }) => path.endsWith('.yaml')))(
    '$path fits client-side apply and reads as YAML',
    ({ content }) => {
      expect(Buffer.byteLength(content)).toBeLessThan(largestFile);
      // The chart's copy is a template in two places, which `helm template` proves.
      const yaml = content.replaceAll(/^.*\{\{.*\n/gm, '');
      expect(parse(yaml)).toMatchObject({ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' });
    },
  );

  it.each([
    ['AuthorizationServer', 'nas', ['Ready', 'Reason', 'Issuer', 'Replicas', 'Age', 'Version', 'Message']],
    ['Client', 'nclient', ['Ready', 'Reason', 'Client ID', 'Secret', 'Age', 'Server', 'Grants', 'Message']],
    ['Scope', 'nscope', ['Ready', 'Reason', 'Scope', 'Consent', 'Age', 'Server', 'Message']],
    ['LdapBinding', 'nldap', ['Ready', 'Reason', 'Active', 'Vendor', 'Age', 'Base', 'Message']],
  ] as const)('%s: short name, columns', (kind, shortName, columns) => {
    expect(kinds[kind].shortName).toBe(shortName);
    expect(kinds[kind].columns.map(({ name }) => name)).toEqual(columns);
  });

  it('each kind is namespaced, in the category nauthera, with a status subresource', () => {
    for (const kind of kindNames) {
      const file = files.find(({ path, content }) => path.startsWith('crds/') && content.includes(`kind: ${kind}\n`));
      const crd: unknown = parse(file?.content ?? '');
      expect(crd).toMatchObject({
        spec: {
          group: 'auth.nauthera.io',
          scope: 'Namespaced',
          names: { kind, categories: ['nauthera'] },
          versions: [{ name: 'v1alpha1', served: true, storage: true, subresources: { status: {} } }],
        },
      });
    }
  });
});

describe('a schema that is not structural is refused', () => {
  it.each<[string, unknown, string]>([
    ['no type', { description: 'x' }, 'spec: a structural schema needs one type, found none'],
    ['two types', { type: ['string', 'null'] }, 'spec: a structural schema needs one type, found ["string","null"]'],
    ['a union', { type: 'string', maxLength: 1, anyOf: [] }, 'spec: anyOf is not allowed in a structural schema'],
    [
      'a pattern for names',
      { type: 'object', patternProperties: {} },
      'spec: patternProperties is not allowed in a structural schema',
    ],
    [
      'unknown fields kept',
      { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      'spec: x-kubernetes-preserve-unknown-fields is not allowed in a structural schema',
    ],
    [
      'unique items',
      { type: 'array', maxItems: 1, uniqueItems: true },
      'spec: uniqueItems is not allowed in a structural schema',
    ],
    ['an object of anything', { type: 'object' }, 'spec: an object needs properties or additionalProperties'],
    ['a list of anything', { type: 'array', maxItems: 1 }, 'spec[]: not a schema'],
    ['a text without end', { type: 'object', properties: { a: { type: 'string' } } }, 'spec.a: has no upper bound'],
    ['a list without end', { type: 'array', items: { type: 'boolean' } }, 'spec: has no upper bound'],
    [
      'a map without end',
      { type: 'object', additionalProperties: { type: 'string', maxLength: 1 } },
      'spec: has no upper bound',
    ],
  ])('%s', (_title, schema, message) => {
    expect(() => structural(schema)).toThrow(new TypeError(message));
  });
});
