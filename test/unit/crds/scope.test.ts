import { builtInScopes } from '@nauthera/crds';
import { describe, expect, it } from 'vitest';
import { accepted, manifest, problems } from './builders.ts';

const scope = (spec: Record<string, unknown> = {}, metadata: Record<string, unknown> = {}) =>
  manifest('Scope', spec, metadata);
const builtIn =
  'spec.name: openid, profile, email, phone, address, offline_access, groups are built in and cannot be redefined: choose another name';

describe('rules of a Scope', () => {
  it.each(builtInScopes)('%s cannot be redefined', (name) => {
    expect(problems('Scope', scope({ name }))).toEqual([builtIn]);
  });

  it('not by way of its own name either', () => {
    expect(problems('Scope', scope({ name: undefined }, { name: 'groups' }))).toEqual([builtIn]);
    expect(problems('Scope', scope({ name: 'shop:groups' }, { name: 'groups' }))).toEqual([]);
  });

  it.each([
    ['no words for people', { displayName: undefined }, 'spec.displayName: is required, for example Read your orders'],
    [
      'a name with a space',
      { name: 'orders read' },
      'spec.name: must be printable ASCII without space, double quote and backslash (RFC 6749 section 3.3)',
    ],
    [
      'a quote in its name',
      { name: 'a"b' },
      'spec.name: must be printable ASCII without space, double quote and backslash (RFC 6749 section 3.3)',
    ],
    [
      'a description beyond 512 characters',
      { description: 'x'.repeat(513) },
      'spec.description: must have at most 512 characters',
    ],
    [
      'a reserved claim',
      { claims: ['azp'] },
      'spec.claims[0]: is reserved, the protocol itself sets this claim: choose another name',
    ],
    ['an audience with a space', { audiences: ['a b'] }, 'spec.audiences[0]: must be printable ASCII without spaces'],
    ['another consent', { consent: 'Never' }, 'spec.consent: must be one of Required, Implicit'],
    [
      'a translation that is named as nobody names it',
      { translations: [{ language: 'deutsch', displayName: 'x' }] },
      'spec.translations[0].language: must be a language tag in its usual form, with script or region if need be: de, pt-BR, zh-Hans',
    ],
  ])('%s is refused', (_title, spec, expected) => {
    expect(problems('Scope', scope(spec))).toEqual([expected]);
  });

  it.each([
    ['changed', { name: 'shop:a' }, { name: 'shop:b' }],
    ['added', { name: undefined }, { name: 'shop:b' }],
    ['taken away', { name: 'shop:a' }, { name: undefined }],
  ])('its name cannot be %s', (_title, before, after) => {
    expect(problems('Scope', scope(after), scope(before))).toEqual([
      'spec.name: name cannot change, Clients, consents and tokens refer to it: create a second Scope with the new name, move the Clients, then delete this one',
    ]);
  });

  it('is for its own namespace and asks, unless told otherwise', () => {
    const { allowedClients, consent } = accepted('Scope', scope()).spec;
    expect({ allowedClients, consent }).toEqual({
      allowedClients: { namespaces: { from: 'Same' } },
      consent: 'Required',
    });
  });
});
