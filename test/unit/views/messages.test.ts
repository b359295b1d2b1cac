import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { IntlMessageFormat } from 'intl-messageformat';
import { describe, expect, it } from 'vitest';
import { html } from '../../../server/src/views/html.ts';
import {
  catalogues,
  createLanguage,
  english,
  languageNames,
  negotiateLanguage,
} from '../../../server/src/views/messages.ts';
import { root } from '../../rules/sources.ts';

const folder = join(root, 'server/src/views/messages');
const read = (tag: string): Record<string, string> => JSON.parse(readFileSync(join(folder, `${tag}.json`), 'utf8'));
const en = read('en');

interface Argument {
  readonly name: string;
  readonly kind: string;
  /** Forms of a plural, keys of a select. */
  readonly options: readonly string[];
}
type Ast = ReturnType<IntlMessageFormat['getAst']>;

const kinds = ['literal', 'argument', 'number', 'date', 'time', 'select', 'plural', 'pound', 'tag'];
function argumentsOf(ast: Ast): readonly Argument[] {
  return ast.flatMap((element) => {
    const kind = kinds[element.type] ?? '';
    if (kind === 'literal' || !('value' in element)) return [];
    const options: Readonly<Record<string, { value: Ast }>> = 'options' in element ? element.options : {};
    const inner = Object.values(options).flatMap((option) => argumentsOf(option.value));
    return [{ name: String(element.value), kind, options: Object.keys(options).sort() }, ...inner];
  });
}

/** What is wrong with a catalogue beside the English one; empty: nothing. */
function problemsOf(tag: string, catalogue: Readonly<Record<string, string>>): readonly string[] {
  const missing = Object.keys(en).filter((key) => !Object.hasOwn(catalogue, key));
  const unknown = Object.keys(catalogue).filter((key) => !Object.hasOwn(en, key));
  return [
    ...missing.map((key) => `${key} is missing`),
    ...unknown.map((key) => `${key} is unknown`),
    ...Object.entries(catalogue).flatMap(([key, text]) => problemsOfMessage(tag, key, text)),
  ];
}

function problemsOfMessage(tag: string, key: string, text: string): readonly string[] {
  if (text.trim() !== text || text === '') return [`${key} is empty or has space around it`];
  if (/[<>&]|[\u202a-\u202e\u2066-\u2069]/.test(text)) return [`${key} holds markup`];
  const own = argumentsOf(new IntlMessageFormat(text, tag).getAst());
  const theirs = argumentsOf(new IntlMessageFormat(en[key] ?? text, 'en').getAst());
  const names = (list: readonly Argument[]) => [...new Set(list.map(({ name, kind }) => `${name}:${kind}`))].sort();
  const problems = names(own).join() === names(theirs).join() ? [] : [`${key} has other placeholders`];
  const forms = new Intl.PluralRules(tag).resolvedOptions().pluralCategories;
  for (const { kind, name, options } of own) {
    const lacking = kind === 'plural' ? forms.filter((form) => !options.includes(form)) : [];
    if (lacking.length > 0) problems.push(`${key}: {${name}} lacks ${lacking.join()}`);
    const english = theirs.find((one) => one.name === name);
    if (kind === 'select' && english?.options.join() !== options.join())
      problems.push(`${key}: {${name}} has other keys`);
  }
  return problems;
}

describe('catalogues', () => {
  const tags = readdirSync(folder).map((file) => file.replace(/\.json$/, ''));

  it('every file of the folder is spoken', () => expect(Object.keys(catalogues).sort()).toEqual(tags.sort()));

  it.each(tags)('%s: same keys and placeholders as English, all plural forms, no markup', (tag) => {
    expect(problemsOf(tag, read(tag))).toEqual([]);
  });

  it.each(tags)('%s: keys are sorted as in English, so that they can be read side by side', (tag) => {
    expect(Object.keys(read(tag))).toEqual(Object.keys(en));
  });

  const tries = 'problem.too_many_tries';
  it.each([
    ['a missing key', 'de', { 'login.heading': undefined }, ['login.heading is missing']],
    ['an unknown key', 'de', { 'login.hading': 'Anmelden' }, ['login.hading is unknown']],
    ['markup', 'de', { 'login.heading': '<b>Anmelden</b>' }, ['login.heading holds markup']],
    ['an entity', 'de', { 'login.heading': 'An&shy;melden' }, ['login.heading holds markup']],
    ['a renamed placeholder', 'de', { 'login.return': 'Zurück zu {Host}.' }, ['login.return has other placeholders']],
    ['a forgotten placeholder', 'de', { 'login.return': 'Zurück.' }, ['login.return has other placeholders']],
    [
      'Polish with English plural forms',
      'pl',
      { [tries]: '{minutes, plural, one {# minuta} other {# minut}}' },
      [`${tries}: {minutes} lacks few,many`, 'consent.more-values: {count} lacks few,many'],
    ],
    ['an empty message', 'de', { 'login.heading': ' ' }, ['login.heading is empty or has space around it']],
  ])('the rule finds %s', (_, tag, change, problems) => {
    const catalogue = Object.fromEntries(
      Object.entries({ ...en, ...change }).filter((entry): entry is [string, string] => entry[1] !== undefined),
    );
    expect(problemsOf(tag, catalogue)).toEqual(problems);
  });

  it('every message is said somewhere', () => {
    const views = join(root, 'server/src/views');
    const sources = readdirSync(views)
      .filter((file) => file.endsWith('.ts'))
      .map((file) => readFileSync(join(views, file), 'utf8'))
      .join('\n');
    // `${page}.only-members`: a key that is put together.
    const made = [...sources.matchAll(/`((?:[a-z._-]|\$\{[^}]*\})*\$\{[^}]*\}(?:[a-z._-]|\$\{[^}]*\})*)`/g)]
      .map(([, text = '']) => text)
      .filter((text) => text.includes('.'))
      .map((text) => new RegExp(`^${text.replaceAll('.', '\\.').replaceAll(/\$\{[^}]*\}/g, '[a-z._-]+')}$`));
    const said = (key: string) => sources.includes(`'${key}'`) || made.some((one) => one.test(key));
    expect(Object.keys(en).filter((key) => !said(key))).toEqual([]);
  });
});

describe('a language', () => {
  it('says a message with markup values in it, and escapes all else', () => {
    const language = createLanguage('en', { 'login.return': 'Back < {host} >' });
    expect(language.say('login.return', { host: html`<b>x</b>` }).toString()).toBe('Back &lt; <b>x</b> &gt;');
    expect(language.say('login.return', { host: '<b>' }).toString()).toBe('Back &lt; &lt;b&gt; &gt;');
  });

  it('says in English what its catalogue lacks', () => {
    expect(createLanguage('de', {}).text('login.heading')).toBe('Sign in');
  });

  it('counts by its own plural rules', () => {
    const polish = createLanguage('pl', {
      'problem.too_many_tries': '{minutes, plural, one {# minuta} few {# minuty} many {# minut} other {# minuty}}',
    });
    const said = [1, 3, 5].map((minutes) => polish.text('problem.too_many_tries', { minutes }));
    expect(said).toEqual(['1 minuta', '3 minuty', '5 minut']);
  });

  it.each([
    [0, 'now', 'jetzt'],
    [59, 'now', 'jetzt'],
    [60, '1 minute ago', 'vor 1 Minute'],
    [7199, '1 hour ago', 'vor 1 Stunde'],
    [90_000, 'yesterday', 'gestern'],
    [40 * 86_400, 'last month', 'letzten Monat'],
    [800 * 86_400, '2 years ago', 'vor 2 Jahren'],
    [-5, 'now', 'jetzt'],
  ])('says how long ago %d seconds are', (seconds, said, german) => {
    expect([english.ago(seconds), createLanguage('de', {}).ago(seconds)]).toEqual([said, german]);
  });

  it('names a day in UTC', () => {
    expect(english.date(Date.UTC(2027, 2, 15, 23, 59) / 1000)).toBe('March 15, 2027');
    expect(createLanguage('de', {}).date(Date.UTC(2027, 2, 15) / 1000)).toBe('15. März 2027');
  });
});

describe('negotiation', () => {
  const spoken = new Map(
    ['en', 'de', 'pt-BR', 'zh-Hans', 'ar'].map((tag) => [tag.toLowerCase(), createLanguage(tag, {})]),
  );
  it.each([
    ['nothing', undefined, undefined, 'en'],
    ['ui_locales before Accept-Language', 'de', 'ar', 'de'],
    ['the first of ui_locales that is spoken', 'xx nl-BE de ar', undefined, 'de'],
    ['a longer tag than ours', 'de-CH-1996', undefined, 'de'],
    ['a shorter tag than ours', 'pt', undefined, 'pt-BR'],
    ['a region of ours that we lack', 'pt-PT', undefined, 'pt-BR'],
    ['letters of either case', 'ZH-hans-cn', undefined, 'zh-Hans'],
    ['weights', undefined, 'ar;q=0.3, de;q=0.8, fr', 'de'],
    ['a weight of zero is a no', undefined, 'de;q=0, ar;q=0.1', 'ar'],
    ['any language', undefined, '*', 'en'],
    ['nonsense', '<script> %00 ../../etc/passwd __proto__ constructor', ';;q=,,,=;q=x,de-----', 'en'],
    ['very much', 'x '.repeat(10_000), 'x,'.repeat(10_000), 'en'],
  ])('%s', (_, uiLocales, acceptLanguage, tag) => {
    expect(negotiateLanguage({ uiLocales, acceptLanguage }, spoken).tag).toBe(tag);
  });

  it.each([
    ['a pick before Accept-Language', { picked: 'ar', acceptLanguage: 'de' }, 'ar'],
    ['ui_locales before a pick', { uiLocales: 'de', picked: 'ar' }, 'de'],
    ['ui_locales that nobody speaks, then the pick', { uiLocales: 'xx yy', picked: 'ar' }, 'ar'],
    ['a pick that is none', { picked: 'tlh', acceptLanguage: 'de' }, 'de'],
  ])('%s', (_, wishes, tag) => expect(negotiateLanguage(wishes, spoken).tag).toBe(tag));

  it('offers by name what has a catalogue, each once', () => {
    expect(languageNames.map(([tag]) => tag).sort()).toEqual(Object.keys(catalogues).sort());
    for (const [tag] of languageNames) expect(negotiateLanguage({ picked: tag }).tag).toBe(tag);
  });

  it('a control’s name for screen readers holds what one sees (WCAG 2.5.3)', () => {
    const pairs = [
      ['account.sign-out', 'account.sign-out-of'],
      ['account.remove', 'account.remove-of'],
    ] as const;
    for (const catalogue of Object.values(catalogues)) {
      for (const [seen, said] of pairs) expect(catalogue[said]).toContain(catalogue[seen]);
    }
  });

  it('speaks what has a catalogue', () => {
    expect(negotiateLanguage({ uiLocales: 'xx en-GB', acceptLanguage: undefined }).tag).toBe('en');
  });
});
