import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { AndFilter, EqualityFilter, OrFilter } from 'ldapts';
import { describe, expect, it } from 'vitest';
import { groupFold } from '../../../server/src/directory/group-names.ts';
import { attributesOf, FilterProblem, parseFilter, parseTemplate } from '../../../server/src/directory/ldap/filter.ts';
import { parseRuleFilter } from '../../../server/src/directory/ldap/rule-filter.ts';
import { type Fold, foldPrepared } from '../../../server/src/protocol/distinguished-name.ts';

const nested = (levels: number, inner = '(uid={})') => `${'(&'.repeat(levels)}${inner}${')'.repeat(levels)}`;

describe('a filter template', () => {
  it.each<[string, string, string]>([
    ['(uid={})', '(uid=ada)', '(uid=*)'],
    [
      '(&(objectClass=person)(|(uid={})(mail={})))',
      '(&(objectClass=person)(|(uid=ada)(mail=ada)))',
      '(&(objectClass=person)(|(uid=*)(mail=*)))',
    ],
    ['(uid:caseExactMatch:={})', '(uid:caseExactMatch:=ada)', '(uid=*)'],
    ['(:dn:2.5.13.5:={})', '(:dn:2.5.13.5:=ada)', '(objectClass=*)'],
    ['(&(!(blocked=TRUE))(uid={}))', '(&(!(blocked=TRUE))(uid=ada))', '(&(!(blocked=TRUE))(uid=*))'],
    [nested(15), nested(15, '(uid=ada)'), nested(15, '(uid=*)')],
  ])('%s', (text, filled, open) => {
    const template = parseTemplate(text);
    expect(template.fill('ada').toString()).toBe(filled);
    expect(template.open.toString()).toBe(open);
  });

  it.each<[string, RegExp]>([
    ['(uid=ada)', /is missing/],
    ['(uid={}*)', /whole value/],
    ['(uid=a{})', /whole value/],
    ['(uid={}{})', /whole value/],
    ['({}=ada)', /no filter/],
    ['(&(uid={})(cn=*{}*))', /whole value/],
    ['(&(uid={})(cn={}x))', /whole value/],
    ['(uid>={})', /whole value/],
    ['(uid~={})', /whole value/],
    ['(!(uid={}))', /negated/],
    ['(&(objectClass=person)(!(|(uid={})(cn={}))))', /negated/],
    ['uid={}', /parentheses/],
    ['', /parentheses|match/],
    ['(uid={}', /match/],
    ['(&(uid={})(a=b)', /match/],
    ['(uid={}))', /one filter/],
    ['(uid={})(a=b)', /one filter/],
    ['(uid={}) ', /one filter/],
    ['()', /no filter/],
    ['(uid)', /no filter/],
    ['(&)', /no filter/],
    ['(cn=\\c3\\a9)(uid={})', /one filter/],
    ['(&(cn=\\c3\\a9)(uid={}))', /beyond ASCII/],
    ['(&(cn=\\zz)(uid={}))', /no filter/],
  ])('is refused with a reason: %s', (text, reason) => {
    expect(() => parseTemplate(text)).toThrow(FilterProblem);
    expect(() => parseTemplate(text)).toThrow(reason);
  });

  it.each<[string, string, RegExp]>([
    ['17 levels', nested(16), /deeper than 16/],
    ['5000 levels, which overflow the stack of the parser', nested(5000), /longer than 1024/],
    ['a long value', `(&(uid={})(cn=${'a'.repeat(1024)}))`, /longer than 1024/],
  ])('A86: is refused before it is parsed: %s', (_title, text, reason) => {
    expect(() => parseTemplate(text)).toThrow(reason);
  });

  it('A42: a value is one value, whatever it holds', () => {
    const template = parseTemplate('(&(objectClass=person)(uid={}))');
    fc.assert(
      fc.property(fc.uint16Array({ maxLength: 300 }), (units) => {
        const value = String.fromCharCode(...units);
        const filter = template.fill(value);
        const [, leaf] = filter instanceof AndFilter ? filter.filters : [];
        return leaf instanceof EqualityFilter && leaf.attribute === 'uid' && leaf.value === value;
      }),
    );
  });

  it('stays as it is when values are put in', () => {
    const template = parseTemplate('(|(uid={})(mail={}))');
    template.fill('one');
    const second = template.fill('two');
    expect(second instanceof OrFilter && second.toString()).toBe('(|(uid=two)(mail=two))');
  });

  it('names its attributes', () => {
    expect(
      attributesOf(parseFilter('(&(a=1)(|(b=*)(c=x*))(!(d>=1))(e<=1)(f~=1)(g:caseExactMatch:=1)(:dn:=1))')),
    ).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g']);
  });
});

describe('no filter is made from text but a registration', () => {
  const sources = readdirSync(new URL('../../../server/src/directory', import.meta.url), {
    recursive: true,
    encoding: 'utf8',
  })
    .filter((name) => name.endsWith('.ts'))
    .map(
      (name) =>
        [name, readFileSync(new URL(`../../../server/src/directory/${name}`, import.meta.url), 'utf8')] as const,
    );
  it.each(sources)('%s', (name, text) => {
    // The parser of filter texts is known to one file, and no text with a value in it looks like a filter.
    if (!name.endsWith('filter.ts')) expect(text).not.toMatch(/FilterParser|escapeFilter|Filter\.escape/);
    expect(text).not.toMatch(/[`'"]\([&|!(]*[\w-]+=\$\{/);
  });
});

describe('filters of consent rules', () => {
  const entry: Readonly<Record<string, readonly string[]>> = {
    employeetype: ['Staff', 'shareholder'],
    title: ['Chief of  mechanisms'],
    o: ['Zürich'],
  };
  const matches = (text: string) =>
    parseRuleFilter(text, foldPrepared).matches((attribute) => entry[attribute.toLowerCase()] ?? []);

  it.each<[string, boolean]>([
    ['(employeeType=staff)', true],
    ['(EMPLOYEETYPE=shareholder)', true],
    ['(employeeType=guest)', false],
    ['(employeeType=*)', true],
    ['(mail=*)', false],
    ['(!(mail=*))', true],
    ['(!(mail=x))', true],
    ['(!(employeeType=staff))', false],
    ['(&(employeeType=staff)(title=*))', true],
    ['(&(employeeType=staff)(mail=*))', false],
    ['(|(employeeType=guest)(title=chief*))', true],
    ['(title=chief of mechanisms)', true],
    ['(title=*of mech*)', true],
    ['(title=*mechanisms)', true],
    ['(title=c*of*s)', true],
    ['(title=chief of mechanisms*mechanisms)', false],
    ['(title=*of*chief*)', false],
    ['(o=ZÜRICH)', true],
    ['(employeeType=st\\61ff)', true],
    ['(employeeType=\\2a)', false],
  ])('%s: %s', (text, expected) => expect(matches(text)).toBe(expected));

  it.each([
    ['(a>=1)', /schema/],
    ['(a<=1)', /schema/],
    ['(a~=1)', /schema/],
    ['(a:caseExactMatch:=1)', /schema/],
    ['(&(a=1)(!(b>=1)))', /schema/],
    ['(uid={})', /no meaning/],
    ['(a=1', /match/],
    [nested(17, '(a=1)'), /deeper/],
  ])('refused with a reason: %s', (text, reason) => expect(() => parseRuleFilter(text, foldPrepared)).toThrow(reason));
});

describe('a value that looks like another widens no rule of consent', () => {
  const fits = (text: string, value: string, fold: Fold) => parseRuleFilter(text, fold).matches(() => [value]);
  const folds = [
    ['as OpenLDAP compares', groupFold('openldap')],
    ['as the others compare', groupFold('active_directory')],
  ] as const;
  const [openldap, others] = [folds[0][1], folds[1][1]];
  const alike = [
    '\uFF53taff',
    'sta\uFB00',
    's\u3000taff',
    'staff\u00A0',
    '\u017Ftaff',
    'STAFF',
    'st\u00E5ff',
    'sta\u030Aff',
  ];

  it.each(folds)(
    '%s: whoever is in by a negation is so by one that no directory may take for the named value',
    (_title, fold) => {
      for (const value of [...alike.slice(0, 2), 'STAFF', ' staff', 'staff\u00A0']) {
        expect(fits('(!(t=staff))', value, fold)).toBe(false);
        expect(fits('(!(t=*staff*))', value, fold)).toBe(false);
        expect(fits('(&(t=*)(!(|(t=staff)(t=x))))', value, fold)).toBe(false);
      }
      expect(fits('(!(t=staff))', 'st\u00E5ff', fold)).toBe(true);
    },
  );

  it('without a negation, and under two, it has to be the value for that very directory', () => {
    for (const filter of ['(t=staff)', '(t=sta*)', '(t=*aff)', '(!(!(t=staff)))'])
      expect(fits(filter, 'STAFF', others)).toBe(true);
    for (const filter of ['(t=staff)', '(t=staf*)', '(t=*staff)', '(!(!(t=staff)))']) {
      expect(fits(filter, '\uFF53ta\uFB00', others)).toBe(false);
      expect(fits(filter, '\uFF53ta\uFB00', openldap)).toBe(true);
    }
  });

  it.each(folds)('%s: for any two texts no more than one of a filter and its negation holds', (_title, fold) =>
    fc.assert(
      fc.property(fc.constantFrom(...alike, 'staff', ''), fc.constantFrom(...alike, 'staff'), (value, wanted) => {
        const text = `(t=${wanted})`;
        expect(fits(text, value, fold) && fits(`(!${text})`, value, fold)).toBe(false);
      }),
    ),
  );
});
