import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createSealer } from '../../../server/src/keys/sealer.ts';
import { fingerprintOf, fingerprintOfRow } from '../../../server/src/registry/fingerprint.ts';
import type { Registration } from '../../../server/src/registry/registry.ts';
import { fromRow, type StoredRow, toRow } from '../../../server/src/registry/stored-row.ts';
import { directory, oneOfEachKind } from '../../ports/backend.ts';

const key = randomBytes(32);
const sealer = createSealer([key]);
const people = directory('people');
const row = toRow(people, sealer);

describe('the fingerprint of a registration', () => {
  it('does not hang on the order of members, which jsonb does not keep', () => {
    const turned = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(turned);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(
        Object.entries(value)
          .reverse()
          .map(([name, member]) => [name, turned(member)]),
      );
    };
    expect(fingerprintOfRow({ ...row, body: turned(row.body) })).toBe(fingerprintOf(people, sealer));
  });

  const changes: Partial<StoredRow>[] = [
    { kind: 'scope' },
    { id: 'x' },
    { source: 'x' },
    { namespace: 'x' },
    { name: 'x' },
    { uid: 'x' },
    { format: 2 },
    { withdrawn: true },
    { body: { ...(row.body as object), priority: 101 } },
    { body: { ...(row.body as object), claims: {} } },
    { sealed: null },
    { sealed: Buffer.from('x') },
  ];
  it.each(changes)('changes with every served column: %o', (change) => {
    expect(fingerprintOfRow({ ...row, ...change })).not.toBe(fingerprintOfRow(row));
  });

  it('does not hang on the order of lists by accident: order of servers is preference', () => {
    const servers = ['ldaps://a.example', 'ldaps://b.example'];
    const turned = servers.toReversed();
    expect(fingerprintOf(directory('people', { servers }), sealer)).not.toBe(
      fingerprintOf(directory('people', { servers: turned }), sealer),
    );
  });

  it('is the same in every process that holds the same key, and another with a newer key', () => {
    expect(fingerprintOf(people, createSealer([key]))).toBe(fingerprintOf(people, sealer));
    expect(fingerprintOf(people, createSealer([randomBytes(32), key]))).not.toBe(fingerprintOf(people, sealer));
  });

  it.each(oneOfEachKind().map((one): [string, Registration] => [one.kind, one]))(
    'what was laid down comes back: %s',
    (_, one) => {
      expect(fromRow(toRow(one, sealer), sealer)).toEqual({ ...one, withdrawn: false });
    },
  );
});
