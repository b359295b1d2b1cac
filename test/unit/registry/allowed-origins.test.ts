import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LoadedSnapshot } from '../../../server/src/registry/loaded-snapshot.ts';
import { aClient, anOwner } from '../../support/builders.ts';

const origins = ['https://a.example', 'https://b.example', 'https://c.example'];
const change = fc.record({
  client: fc.constantFrom('one', 'two', 'three'),
  origins: fc.option(fc.subarray(origins), { nil: undefined }),
});

describe('A38: origins that any client registered', () => {
  it('are known after every change, whoever comes and goes, and however often', () => {
    fc.assert(
      fc.property(fc.array(fc.array(change, { maxLength: 5 }), { maxLength: 8 }), (edits) => {
        let snapshot = LoadedSnapshot.empty();
        const listed = new Map<string, readonly string[]>();
        for (const [n, edit] of edits.entries()) {
          const draft = snapshot.edit();
          for (const { client, origins: own } of edit) {
            const value = aClient(client)
              .with({ allowed_origins: own ?? [] })
              .build();
            if (own === undefined) draft.remove('client', client);
            else draft.set({ kind: 'client', id: client, owner: anOwner(client), value }, () => '');
            listed.set(client, own ?? []);
          }
          const before = snapshot;
          const known = origins.map((origin) => before.isAllowedOrigin(origin));
          snapshot = draft.done({ epoch: 'e', n });
          expect(origins.map((origin) => before.isAllowedOrigin(origin))).toEqual(known);
          const any = [...listed.values()].flat();
          expect(origins.filter((origin) => snapshot.isAllowedOrigin(origin))).toEqual(
            origins.filter((origin) => any.includes(origin)),
          );
        }
      }),
    );
  });
});
