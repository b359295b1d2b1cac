import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LoadedSnapshot } from '../../../server/src/registry/loaded-snapshot.ts';
import { SharedParts } from '../../../server/src/registry/shared-parts.ts';
import { aClient, anOwner } from '../../support/builders.ts';

const load = (snapshot: LoadedSnapshot, id: string): LoadedSnapshot => {
  const draft = snapshot.edit();
  // As it comes from the database: no part of one is a part of another.
  const [value, owner, allowedBy] = structuredClone([
    aClient(id).build(),
    anOwner(id, { namespace: 'shop' }),
    { generation: 2, policy: 'everybody' },
  ] as const);
  draft.set({ kind: 'client', id, owner, value, allowedBy }, () => '');
  return draft.done({ epoch: 'e', n: 1 });
};

describe('parts that clients have in common', () => {
  it('are held once, also when the clients came one after the other', () => {
    const snapshot = load(load(LoadedSnapshot.empty(), 'shop.one'), 'shop.two');
    const [one, two] = [snapshot.client('shop.one'), snapshot.client('shop.two')];
    for (const part of ['grant_types', 'response_types', 'redirect_uris', 'scopes', 'consent'] as const) {
      expect(one?.value[part], part).toBe(two?.value[part]);
    }
    expect(one?.value.client_secret_digests).not.toEqual(two?.value.client_secret_digests);
  });

  it('can be changed by nobody', () => {
    const client = load(LoadedSnapshot.empty(), 'shop.one').client('shop.one');
    const parts = [
      client,
      client?.owner,
      client?.allowedBy,
      client?.value,
      client?.value.consent,
      client?.value.scopes,
    ];
    for (const part of parts) expect(Object.isFrozen(part)).toBe(true);
  });

  it('are what was said, whatever was said before', () => {
    const texts = fc.constantFrom('', '[]', '["a"]', 'a', '{}', '__proto__', 'constructor', 'a'.repeat(600));
    const member = fc.oneof(texts, fc.array(texts, { maxLength: 2 }), fc.dictionary(texts, texts, { maxKeys: 2 }));
    const parts = new SharedParts();
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('a', 'b', 'constructor'), member), (said) => {
        const before = structuredClone(said);
        expect(structuredClone(parts.in(said))).toEqual(before);
      }),
    );
  });

  it('are what was said after more of them than are remembered', () => {
    const parts = new SharedParts();
    for (let index = 0; index < 3_000; index += 1) {
      expect(parts.in({ name: `app-${index}`, scopes: [`scope-${index}`], mode: 'always' })).toEqual({
        name: `app-${index}`,
        scopes: [`scope-${index}`],
        mode: 'always',
      });
    }
  });
});
