import { cell, durationMilliseconds, durationSeconds, kindNames, kinds, nearest } from '@nauthera/crds';
import { describe, expect, it } from 'vitest';
import { accepted, manifest } from './builders.ts';

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
  it('read what kubectl would print', () => {
    const client = accepted('Client', manifest('Client'));
    client.status.clientId = 'shop.web';
    expect(kinds.Client.columns.map((column) => [column.name, cell(client, column)])).toEqual([
      ['Ready', 'Unknown'],
      ['Reason', 'Pending'],
      ['Client ID', 'shop.web'],
      ['Secret', ''],
      ['Age', ''],
      ['Server', ''],
      ['Grants', '["authorization_code"]'],
      ['Message', 'Waiting for the operator'],
    ]);
  });

  it.each(kindNames)('%s: every column can be read', (kind) => {
    const resource = accepted(kind, manifest(kind));
    for (const column of kinds[kind].columns) expect(typeof cell(resource, column)).toBe('string');
  });
});

describe('did you mean', () => {
  it.each([
    ['redirectUrls', ['redirectUris', 'responseTypes'], 'redirectUris'],
    ['orders:raed', ['orders:read', 'orders:write'], 'orders:read'],
    ['Scpoe', ['Scope', 'Client'], 'Scope'],
    ['nothing', ['like', 'it'], undefined],
    ['', ['a'], undefined],
    ['x'.repeat(65), ['x'.repeat(64)], undefined],
  ])('%s', (typed, candidates, expected) => expect(nearest(typed, candidates)).toBe(expected));
});
