import { type Kind, kindNames, kinds, type Problem, validate } from '@nauthera/crds';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Structural } from '../../crds/src/structural.ts';
import { type AnyObject, startCluster, type TestCluster } from '../support/kube-cluster.ts';
import { accepted, manifest } from '../unit/crds/builders.ts';
import { type Verdict, verdicts } from './crds-verdicts.ts';

let cluster: TestCluster;
let namespace: string;
beforeAll(async () => {
  cluster = await startCluster();
  namespace = await cluster.namespace('verdicts');
});
afterAll(() => cluster.stop());

function rulesOf(schema: Structural): readonly string[] {
  return [
    ...(schema['x-kubernetes-validations'] ?? []).map(({ message }) => message),
    ...(schema.items === undefined ? [] : rulesOf(schema.items)),
    ...(schema.additionalProperties === undefined ? [] : rulesOf(schema.additionalProperties)),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, one]) => (name === 'status' ? [] : rulesOf(one))),
  ];
}
const rules = new Set(kindNames.flatMap((kind) => rulesOf(kinds[kind].schema)));

/** What the API server says in words of its own, by one word for each kind of mistake. */
const ownWords: readonly (readonly [word: string, ours: RegExp, theirs: RegExp])[] = [
  ['required', /^is required/, /^Required value/],
  ['choice', /^must be one of /, /^Unsupported value/],
  ['too long', /^must have at most /, /^Too long/],
  ['too many', /^has \d+ (items|entries), at most/, /^Too many/],
  ['too few', /^needs at least /, /should have at least \d+ items/],
  ['empty', /^must not be empty/, /should be at least 1 chars long/],
  ['repeated', /^is the same as /, /^Duplicate value/],
  ['pattern', /^must be a duration such as |^must match /, /should match '/],
  ['bounds', /^must be from -?\d+ to \d+$/, /should be (greater|less) than or equal to/],
  ['type', /^must be a (text|list|map|whole number)|^must be true or false/, /must be of type /],
  ['unknown', /^unknown field /, /^unknown field$/],
];

function inOneWord(path: string, message: string, of: 'ours' | 'theirs'): string {
  const said = message.replace(/^Invalid value: .*?: (?=[^:])/s, '');
  const rule = [...rules].find((one) => message === one || (of === 'theirs' && message.endsWith(`: ${one}`)));
  if (rule !== undefined) return `${path}: ${rule}`;
  const found = ownWords.find(([, ours, theirs]) => (of === 'ours' ? ours : theirs).test(message));
  return `${path}: (${found?.[0] ?? said})`;
}

const offline = (problems: readonly Problem[]) => problems.map(({ path, message }) => inOneWord(path, message, 'ours'));

/** The causes of a refusal; unknown fields come in one sentence. */
function fromServer(body: AnyObject): readonly string[] {
  const unknown = [...String(body.message).matchAll(/unknown field "([^"]+)"/g)].map(
    ([, path = '']) => `${path}: (unknown)`,
  );
  const causes = (body.details?.causes ?? []) as { field: string; message: string }[];
  return [
    ...unknown,
    ...causes
      // Without a field it says that the shape kept it from looking at the rules.
      .filter(({ field }) => field !== '<nil>')
      .map(({ field, message }) => inOneWord(field, message, 'theirs')),
  ];
}

interface Manifests {
  readonly kind: Kind;
  readonly next: AnyObject;
  readonly before: AnyObject | undefined;
}

function manifestsOf({ kind, spec = {}, metadata = {}, whole = {}, before }: Verdict, name?: string): Manifests {
  const named = { ...metadata, ...(name === undefined ? {} : { name }) };
  const next = { ...manifest(kind, spec, named), ...whole };
  return { kind, next, before: before === undefined ? undefined : manifest(kind, before, named) };
}

async function askServer({ kind, next, before }: Manifests): Promise<{ status: number; body: AnyObject }> {
  const path = `/apis/auth.nauthera.io/v1alpha1/namespaces/${namespace}/${kinds[kind].plural}`;
  const query = '?dryRun=All&fieldValidation=Strict';
  if (before === undefined) return cluster.request('POST', `${path}${query}`, { body: next });
  const made = await cluster.call('POST', path, { body: before });
  const metadata = { ...(next.metadata as object), resourceVersion: made.metadata.resourceVersion as string };
  return cluster.request('PUT', `${path}/${String(made.metadata.name)}${query}`, { body: { ...next, metadata } });
}

const table = verdicts.map((verdict, index) => ({
  name: `${verdict.kind}, ${verdict.before === undefined ? '' : 'edited: '}${verdict.title}`,
  verdict,
  // Edits need an object that is there.
  manifests: manifestsOf(verdict, verdict.before === undefined ? undefined : `edited-${index}`),
}));

describe('one verdict of the API server and of the offline check', () => {
  it.each(table)('$name', async ({ verdict: { problems }, manifests }) => {
    const { kind, next, before } = manifests;
    const checked = validate(kind, next, before === undefined ? undefined : accepted(kind, before));
    const found = checked.ok ? [] : checked.problems;
    expect(found.map(({ path, message }) => `${path}: ${message}`)).toEqual(problems);
    const { status, body } = await askServer(manifests);
    expect([...fromServer(body)].sort()).toEqual([...offline(found)].sort());
    expect(status < 300).toBe(problems.length === 0);
  });

  it('says of every valid one what stands in it after the defaults', async () => {
    const valid = table.filter(({ verdict }) => verdict.problems.length === 0);
    for (const { manifests } of valid) {
      const { body } = await askServer(
        manifests.before === undefined
          ? manifests
          : { ...manifests, before: undefined, next: { ...manifests.next, metadata: { name: 'again' } } },
      );
      expect(body.spec).toEqual(accepted(manifests.kind, manifests.next).spec);
    }
  });

  it('there is a case for every rule of every kind', () => {
    const told = new Set(verdicts.flatMap(({ problems }) => problems.map((one) => one.slice(one.indexOf(': ') + 2))));
    expect([...rules].filter((rule) => !told.has(rule))).toEqual([]);
  });
});
