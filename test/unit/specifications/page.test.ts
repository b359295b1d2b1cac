/** The page of specifications cannot name a test that is not there. */
import { describe, expect, it } from 'vitest';
import { specificationsPage } from '../../specifications/generate.ts';
import { chapters } from '../../specifications/index.ts';
import { type Proof, row, yes } from '../../specifications/specification.ts';
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
const page = (proof: Proof) =>
  specificationsPage(
    [
      {
        title: 'C',
        specifications: [{ name: 'S', title: 'T', url: 'https://s.example', lines: [yes('§1', 'It is so.', proof)] }],
      },
    ],
    (path) => (path === 'flows/x.test.ts' || path === 'flows/y.suite.ts' ? declared : undefined),
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
    ['flows/x: alone', '[flows/x](../../test/flows/x.test.ts): alone'],
    ['flows/y.suite: outer › one', '[flows/y.suite](../../test/flows/y.suite.ts): outer › one'],
    ['flows/x: inner %s › one', 'inner %s › one'],
    [row('flows/x: %s of a table', 'a row'), '%s of a table “a row”'],
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

describe('the page', () => {
  it('says of a line without a test that it has none', () => {
    const lines = [yes('§1', 'It is so.')];
    const text = specificationsPage(
      [{ title: 'C', specifications: [{ name: 'S', title: 'T', url: 'https://s.example', lines }] }],
      () => declared,
    );
    expect(text).toContain('| §1 | It is so. | yes | **no test** |');
    expect(text).toContain('| S | 1 | 1 | 0 | 0 | 1 |');
  });

  it('has each specification once, and no line that would break its table', () => {
    const all = chapters.flatMap(({ specifications }) => specifications);
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    for (const { lines } of all)
      for (const { section, says } of lines) expect(`${section}${says}`).not.toMatch(/[|\n]/);
  });
});
