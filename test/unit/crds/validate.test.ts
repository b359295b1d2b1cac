import { kindNames, kinds, pendingStatus, validate } from '@nauthera/crds';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { accepted, manifest, problems } from './builders.ts';

describe('the smallest resources', () => {
  it.each(kindNames)('%s, as kubectl explain prints it, is accepted and begins as in progress', (kind) => {
    expect(problems(kind, parse(kinds[kind].smallest))).toEqual([]);
    expect(accepted(kind, parse(kinds[kind].smallest)).status).toEqual(pendingStatus);
  });

  it('a useful Client is six lines', () => {
    expect(kinds.Client.smallest.trim().split('\n')).toHaveLength(6);
  });
});

describe('the document as a whole', () => {
  const client = manifest('Client');
  const { spec: _, ...withoutSpec } = client;
  const name =
    "must be lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit, at most 253 characters";

  it.each<[string, unknown, readonly string[]]>([
    ['a list', [client], [': must be a map of fields: apiVersion, kind, metadata, spec']],
    ['nothing', null, [': must be a map of fields: apiVersion, kind, metadata, spec']],
    [
      'another version',
      { ...client, apiVersion: 'auth.nauthera.io/v1' },
      ['apiVersion: must be auth.nauthera.io/v1alpha1'],
    ],
    ['another kind', { ...client, kind: 'Scope' }, ['kind: must be Client']],
    ['a slip at the top', { ...withoutSpec, specs: {} }, ['specs: unknown field specs: did you mean spec?']],
    [
      'a spec that is a list',
      { ...client, spec: [] },
      ['spec: must be a map of fields, for example {redirectUris: [https://shop.example.com/callback]}'],
    ],
    [
      'a field of the spec beside it',
      { ...client, grantTypes: ['client_credentials'] },
      ['grantTypes: unknown field grantTypes: did you mean spec.grantTypes?'],
    ],
    [
      'a word for a list, a number for a duration',
      { ...client, spec: { grantTypes: 'client_credentials', accessToken: { lifetime: 300 } } },
      [
        'spec.grantTypes: must be a list, for example [authorization_code, refresh_token]',
        'spec.accessToken.lifetime: must be a text, for example 10m',
      ],
    ],
    [
      'a field that is like no other: told which there are',
      { ...client, spec: { grantTypes: ['client_credentials'], refreshToken: { lifetime: '30m' } } },
      ['spec.refreshToken.lifetime: unknown field spec.refreshToken.lifetime: known here: idle, absolute'],
    ],
    ['no name', { ...client, metadata: {} }, ['metadata.name: is required']],
    ['a name that is a path', { ...client, metadata: { name: '../web' } }, [`metadata.name: ${name}`]],
    [
      'a slip in metadata',
      { ...client, metadata: { name: 'web', annotation: {} } },
      ['metadata.annotation: unknown field metadata.annotation: did you mean annotations?'],
    ],
    [
      'a flag for an annotation',
      { ...client, metadata: { name: 'web', annotations: { 'auth.nauthera.io/is-default': true } } },
      ['metadata.annotations["auth.nauthera.io/is-default"]: must be a text: put it in quotes'],
    ],
    [
      'a namespace that is none',
      { ...client, metadata: { name: 'web', namespace: 'a.b' } },
      [
        "metadata.namespace: must be lower-case letters, digits and '-', beginning and ending with a letter or digit, at most 63 characters",
      ],
    ],
  ])('%s is refused', (_title, next, expected) => {
    expect(problems('Client', next)).toEqual(expected);
  });

  it('without a namespace it is in default, as kubectl would have it', () => {
    expect(accepted('Client', client).metadata.namespace).toBe('default');
  });

  it('keeps the metadata that is read, and leaves the input alone', () => {
    const metadata = {
      name: 'web',
      namespace: 'shop',
      uid: 'u',
      generation: 3,
      labels: { a: 'b' },
      managedFields: [{}],
    };
    const next = Object.freeze({ ...client, metadata: Object.freeze(metadata) });
    const { managedFields: _m, ...read } = metadata;
    expect(accepted('Client', next).metadata).toEqual(read);
    expect(next.metadata).toBe(metadata);
  });

  it('a status is never a reason to refuse: kept if sound, else as new', () => {
    const status = { ...pendingStatus, observedGeneration: 4, clientId: 'shop.web' };
    expect(accepted('Client', { ...client, status }).status).toEqual(status);
    expect(accepted('Client', { ...client, status: { conditions: 'odd' } }).status).toEqual(pendingStatus);
  });

  it('what only a newer version knows in a status is no reason to forget the rest of it', () => {
    const status = { ...pendingStatus, clientId: 'shop.web' };
    expect(accepted('Client', { ...client, status: { ...status, newer: { at: 1 } } }).status).toEqual(status);
  });

  it('unknown fields are dropped where that is asked for, and what is known is judged as ever', () => {
    const next = manifest('Client', { redirectUris: ['https://a.example/cb'], newer: { deep: [1] } });
    expect(validate('Client', next).ok).toBe(false);
    const dropped = validate('Client', next, undefined, 'dropped');
    expect(dropped.ok && dropped.resource).toEqual(
      accepted('Client', manifest('Client', { redirectUris: ['https://a.example/cb'] })),
    );
    expect(dropped.ok && dropped.dropped).toEqual(['spec.newer']);
    expect(validate('Client', { ...next, status: { newer: 1 } }, undefined, 'dropped')).toEqual(dropped);
    const many = Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`newer${at}`, at]));
    const most = validate('Client', manifest('Client', many), undefined, 'dropped');
    expect(most.ok && most.dropped).toHaveLength(50);
    const wrong = validate(
      'Client',
      manifest('Client', { redirectUris: ['http://a.example'], newer: 1 }),
      undefined,
      'dropped',
    );
    expect(wrong.ok ? [] : wrong.problems.map(({ path }) => path)).toEqual(['spec.redirectUris[0]']);
  });

  it('defaults are copies: changing one resource changes no other', () => {
    accepted('Client', client).spec.scopes.push('added');
    expect(accepted('Client', client).spec.scopes).toEqual(['openid', 'profile', 'email']);
  });

  it('an old resource of another kind is no old resource', () => {
    const old = accepted('Scope', manifest('Scope'));
    expect(validate('Client', manifest('Client', { clientId: 'a' }), old).ok).toBe(true);
  });

  it('all problems at once, with what was found', () => {
    const result = validate(
      'Client',
      manifest('Client', { pkce: 'No', grantTypes: ['refresh_token'], displayName: 'a\u202Eb' }),
    );
    expect(result.ok ? [] : result.problems.map(({ path, found }) => [path, found])).toEqual([
      ['spec.displayName', '"a\uFFFDb"'],
      ['spec.pkce', '"No"'],
    ]);
  });

  it('at most 50 problems', () => {
    const spec = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`field${index}`, index]));
    expect(problems('Client', manifest('Client', spec))).toHaveLength(50);
  });
});
