/** The pages of specifications and of certification plans cannot name a test that is not there. */
import { describe, expect, it } from 'vitest';
import { documents, pageOf } from '../../specifications/generate.ts';
import { readable } from '../../specifications/readable.ts';

import { type Line, type Proof, row, yes } from '../../specifications/specification.ts';
import { declaredTests } from '../../specifications/titles.ts';

const source = `
  describe('outer', () => {
    it('one', () => {});
    it.each([['a row', 1]])('%s of a table', () => {});
    describe.each(backends)('inner %s', (name) => {
      it(\`with \${name}\`, { timeout: 1 }, () => {});
      it('one', async () => { await other('it is no test'); });
      it.skip('left out', () => {});
    });
  });
  describe.skip('not run', () => { it('hidden', () => {}); });
  test.todo('to be written');
  it.each(cases.map((one) => [one] as const))('alone', () => {});
`;
const declared = declaredTests(source);
const documentOf = (lines: readonly Line[]) => ({
  head: '# T',
  first: 'Section',
  chapters: [{ title: 'C', specifications: [{ name: 'S', title: 'T', url: 'https://s.example', lines }] }],
});
const page = (proof: Proof) =>
  pageOf(documentOf([yes('§1', 'It is so.', proof)]), (path) =>
    path === 'flows/x.test.ts' || path === 'flows/y.suite.ts' ? declared : undefined,
  );

describe('titles are read from the source', () => {
  it('with those around them, templates and tables as they are written; what is not run is left out', () =>
    expect(declared.tests).toEqual([
      ['outer', 'one'],
      ['outer', '%s of a table'],
      ['outer', 'inner %s', 'with %s'],
      ['outer', 'inner %s', 'one'],
      ['alone'],
    ]));
});

describe('a proof', () => {
  it.each<[Proof, string]>([
    ['flows/x: alone', '[alone](../../test/flows/x.test.ts)'],
    ['flows/y.suite: outer › one', '[outer › one](../../test/flows/y.suite.ts)'],
    ['flows/x: inner %s › one', '[inner … › one]'],
    [row('flows/x: %s of a table', 'a row'), '[a row of a table]'],
  ])('%j is found', (proof, text) => expect(page(proof)).toContain(text));

  it.each<[Proof, RegExp]>([
    ['flows/x: another', /flows\/x\.test\.ts has 0 tests of the title "another"/],
    ['flows/x: ne', /0 tests/],
    ['flows/x: one', /2 tests/],
    ['flows/x: left out', /0 tests/],
    ['flows/x: not run › hidden', /0 tests/],
    ['flows/x: to be written', /0 tests/],
    ['flows/z: one', /no test\/flows\/z\.test\.ts/],
    ['one', /not written as/],
    [row('flows/x: %s of a table', 'another row'), /no row "another row"/],
  ])('%j is none', (proof, problem) => expect(() => page(proof)).toThrow(problem));
});

describe('a title is read without our own numbers', () => {
  it.each([
    ['A48: a stranger sees no difference', undefined, 'a stranger sees no difference'],
    ['A09, F17: an error stays here: %j', undefined, 'an error stays here: …'],
    ['RFC 6749 §3.1, A03: %s twice', undefined, 'RFC 6749 §3.1: … twice'],
    ['I1: around › F01, I10: within', undefined, 'around › within'],
    [
      'an authorization request › %s',
      'A21, OIDC Core §6: request object',
      'an authorization request › OIDC Core §6: request object',
    ],
    ['%s by %s', 'ES256', 'ES256 by …'],
    ['no table: nothing', 'a row', 'no table: nothing: a row'],
  ])('%s, %j', (title, one, text) => expect(readable(title, one)).toBe(text));
});

describe('the pages', () => {
  it('say of a line without a test that it has none', () => {
    const text = pageOf(documentOf([yes('§1', 'It is so.')]), () => declared);
    expect(text).toContain('| §1 | It is so. | yes | **no test** |');
    expect(text).toContain('| [T](#t) | 1 | 1 | 0 | 0 | 1 |');
  });

  it.each(Object.entries(documents))(
    '%s: each name once, a test for each line, and none that breaks its table',
    (_, document) => {
      const all = document.chapters.flatMap(({ specifications }) => specifications);
      expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
      const lines = all.flatMap((one) => one.lines.map((line) => ({ name: one.name, ...line })));
      expect(lines.filter(({ proofs }) => proofs.length === 0).map(({ name, section }) => [name, section])).toEqual([]);
      for (const { section, says } of lines) expect(`${section}${says}`).not.toMatch(/[|\n]/);
    },
  );
});
