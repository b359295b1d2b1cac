import { durationMilliseconds, durationSeconds, kindNames, kinds, nearest } from '@nauthera/crds';
import { describe, expect, it } from 'vitest';
import type { Structural } from '../../../crds/src/structural.ts';

describe('durations', () => {
  it.each([
    ['90s', 90_000],
    ['5m', 300_000],
    ['336h', 1_209_600_000],
    ['1h30m', 5_400_000],
    ['1500ms', 1500],
    ['1m1ms', 60_001],
    ['0s', 0],
  ])('%s', (text, milliseconds) => {
    expect(durationMilliseconds(text)).toBe(milliseconds);
    expect(durationSeconds(text)).toBe(Math.floor(milliseconds / 1000));
  });

  it.each(['', '5', '5d', '-5m', '5 m', '1.5h', '5M', '123456s', '1h1h1h1h1h', '5m\n'])('%j is none', (text) =>
    expect(() => durationMilliseconds(text)).toThrow(RangeError),
  );
});

describe('columns', () => {
  const follow = (schema: Structural | undefined, path: string) =>
    path
      .split('.')
      .slice(1)
      .reduce((node, name) => node?.properties?.[name], schema);

  it.each(kindNames.flatMap((kind) => kinds[kind].columns.map((column) => ({ kind, ...column }))))(
    '$kind $name reads a field that there is',
    ({ kind, jsonPath, type }) => {
      const { schema } = kinds[kind];
      if (type === 'date') return expect(jsonPath).toBe('.metadata.creationTimestamp');
      const [list = '', member] = jsonPath.split('[?(@.type=="Ready")]');
      const field = member === undefined ? follow(schema, list) : follow(follow(schema, list)?.items, member);
      return expect(['string', 'integer', 'array']).toContain(field?.type);
    },
  );

  it.each(kindNames)('%s: fields to select by exist', (kind) => {
    for (const path of kinds[kind].selectableFields) expect(follow(kinds[kind].schema, path)?.type).toBe('string');
  });
});

describe('did you mean', () => {
  it.each([
    ['redirectUrls', ['redirectUris', 'responseTypes'], 'redirectUris'],
    ['orders:raed', ['orders:read', 'orders:write'], 'orders:read'],
    ['Scpoe', ['Scope', 'Client'], 'Scope'],
    ['token id_token', ['code id_token', 'id_token token'], 'id_token token'],
    ['nothing', ['like', 'it'], undefined],
    ['', ['a'], undefined],
    ['x'.repeat(65), ['x'.repeat(64)], undefined],
  ])('%s', (typed, candidates, expected) => expect(nearest(typed, candidates)).toBe(expected));
});
