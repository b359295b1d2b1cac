/**
 * The words of the pages, one catalogue a language (flat JSON of ICU messages). Values enter a message as text; `html`
 * escapes the result, and a value that shall carry markup is {@link SafeHtml} already.
 */
import { IntlMessageFormat } from 'intl-messageformat';
import { html, SafeHtml } from './html.ts';
import ar from './messages/ar.json' with { type: 'json' };
import de from './messages/de.json' with { type: 'json' };
import en from './messages/en.json' with { type: 'json' };
import es from './messages/es.json' with { type: 'json' };
import fr from './messages/fr.json' with { type: 'json' };
import it from './messages/it.json' with { type: 'json' };
import ja from './messages/ja.json' with { type: 'json' };
import nl from './messages/nl.json' with { type: 'json' };
import pl from './messages/pl.json' with { type: 'json' };
import ptBR from './messages/pt-BR.json' with { type: 'json' };
import uk from './messages/uk.json' with { type: 'json' };
import zhHans from './messages/zh-Hans.json' with { type: 'json' };

export type MessageKey = keyof typeof en;
export type Catalogue = Readonly<Partial<Record<MessageKey, string>>>;
export type MessageValue = string | number | SafeHtml;
export type MessageValues = Readonly<Record<string, MessageValue>>;

/** All catalogues by BCP 47 tag. What a catalogue lacks is said in English. */
export const catalogues: Readonly<Record<string, Catalogue>> = {
  ar,
  de,
  en,
  es,
  fr,
  it,
  ja,
  nl,
  pl,
  'pt-BR': ptBR,
  uk,
  'zh-Hans': zhHans,
};

/** Every language by its own name, in the order in which a person picks. */
export const languageNames: readonly (readonly [tag: string, name: string])[] = [
  ['en', 'English'],
  ['de', 'Deutsch'],
  ['es', 'Español'],
  ['fr', 'Français'],
  ['it', 'Italiano'],
  ['nl', 'Nederlands'],
  ['pl', 'Polski'],
  ['pt-BR', 'Português (Brasil)'],
  ['uk', 'Українська'],
  ['ar', 'العربية'],
  ['ja', '日本語'],
  ['zh-Hans', '简体中文'],
];

/** One language, ready to speak. */
export interface Language {
  /** BCP 47, for `<html lang>` and `Intl`. */
  readonly tag: string;
  readonly direction: 'ltr' | 'rtl';
  /** A message as markup: its words escaped, its {@link SafeHtml} values as they are. */
  say(key: MessageKey, values?: MessageValues): SafeHtml;
  /** A message as plain text, for `<title>` and attributes (escaped when it gets there). */
  text(key: MessageKey, values?: Readonly<Record<string, string | number>>): string;
  /** "a, b and c", "a, b or c", "a, b, c"; each item set apart as a name. */
  list(items: readonly string[], type: Intl.ListFormatType): SafeHtml;
  /** A day in words, in UTC: "15 March 2027". */
  date(epochSeconds: number): string;
  /** How long ago, in the largest whole unit: "3 hours ago", "yesterday", "now". */
  ago(seconds: number): string;
}

/** A name inside a sentence: set apart, so that its reading direction cannot turn the sentence around. */
export function name(text: string): SafeHtml {
  return html`<bdi>${text}</bdi>`;
}

const rightToLeft = new Set(['ar', 'fa', 'he', 'ur']);

/** @param catalogue messages by key; a missing one is taken from English. */
export function createLanguage(tag: string, catalogue: Catalogue): Language {
  const formats = new Map<MessageKey, IntlMessageFormat>();
  const format = (key: MessageKey): IntlMessageFormat => {
    const known = formats.get(key);
    if (known !== undefined) return known;
    const own = catalogue[key];
    // `ignoreTag`: "<" in a message is a character, never markup.
    const made = new IntlMessageFormat(own ?? en[key], own === undefined ? 'en' : tag, undefined, { ignoreTag: true });
    formats.set(key, made);
    return made;
  };
  const dates = new Intl.DateTimeFormat(tag, { dateStyle: 'long', timeZone: 'UTC' });
  const relative = new Intl.RelativeTimeFormat(tag, { numeric: 'auto' });
  // Made when first needed: each costs as much as a page, and few languages are ever read.
  const lists = new Map<Intl.ListFormatType, Intl.ListFormat>();
  const listFormat = (type: Intl.ListFormatType): Intl.ListFormat => {
    const made = lists.get(type) ?? new Intl.ListFormat(tag, { type, style: 'long' });
    lists.set(type, made);
    return made;
  };
  return {
    tag,
    direction: rightToLeft.has(new Intl.Locale(tag).language) ? 'rtl' : 'ltr',
    say: (key, values = {}) => {
      const parts = format(key).formatToParts<SafeHtml>(values);
      return html`${parts.map((part) => (SafeHtml.is(part.value) ? part.value : String(part.value)))}`;
    },
    text: (key, values = {}) => String(format(key).format(values)),
    list: (items, type) => {
      const parts = listFormat(type).formatToParts(items);
      return html`${parts.map((part) => (part.type === 'element' ? name(part.value) : part.value))}`;
    },
    date: (epochSeconds) => dates.format(new Date(epochSeconds * 1000)),
    ago: (seconds) => {
      const [unit, size] = units.find(([, least]) => seconds >= least) ?? ['second', Number.POSITIVE_INFINITY];
      return relative.format(-Math.floor(seconds / size), unit);
    },
  };
}

const units: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['year', 365 * 86_400],
  ['month', 30 * 86_400],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
];

const languages = new Map(
  Object.entries(catalogues).map(([tag, catalogue]) => [tag.toLowerCase(), createLanguage(tag, catalogue)]),
);

/** @throws RangeError when there is no English catalogue. */
function required(language: Language | undefined): Language {
  if (language === undefined) throw new RangeError('the English catalogue is missing');
  return language;
}

export const english: Language = required(languages.get('en'));

export interface LanguageWishes {
  /** `ui_locales` of the request: tags separated by spaces, best first (OpenID Connect Core §3.1.2.1). */
  readonly uiLocales?: string | undefined;
  /** What the person picked: a tag of {@link languageNames}. */
  readonly picked?: string | undefined;
  /** The header (RFC 9110 §12.5.4). */
  readonly acceptLanguage?: string | undefined;
}

/**
 * The best language we speak: `ui_locales` before the person's pick before `Accept-Language` before English. Unreadable
 * wishes are no wishes.
 */
export function negotiateLanguage(wishes: LanguageWishes, spoken: ReadonlyMap<string, Language> = languages): Language {
  const { uiLocales = '', picked = '', acceptLanguage = '' } = wishes;
  return (
    firstSpoken([...uiLocales.split(' ').slice(0, 32), picked, ...acceptedTags(acceptLanguage)], spoken) ?? english
  );
}

/** The language that `ui_locales` decides upon; `undefined`: none of them is spoken. */
export function requestedLanguage(uiLocales: string): Language | undefined {
  return firstSpoken(uiLocales.split(' '), languages);
}

function firstSpoken(tags: readonly string[], spoken: ReadonlyMap<string, Language>): Language | undefined {
  for (const tag of tags.slice(0, 64)) {
    const language = lookUp(tag.toLowerCase(), spoken);
    if (language !== undefined) return language;
  }
  return undefined;
}

/** RFC 4647 §3.4: the tag is shortened from its end until it fits; then "zh" may still be answered by "zh-Hans". */
function lookUp(tag: string, spoken: ReadonlyMap<string, Language>): Language | undefined {
  if (!/^[a-z]{2,8}(-[a-z0-9]{1,8})*$/.test(tag)) return undefined;
  const parts = tag.split('-');
  for (let length = parts.length; length > 0; length--) {
    const found = spoken.get(parts.slice(0, length).join('-'));
    if (found !== undefined) return found;
  }
  const [primary] = parts;
  return [...spoken].find(([known]) => known.split('-')[0] === primary)?.[1];
}

/** Tags by falling weight; `q=0` means "not this one". */
function acceptedTags(header: string): readonly string[] {
  return header
    .slice(0, 1024)
    .split(',')
    .map((item) => {
      const [tag = '', ...parameters] = item.split(';').map((part) => part.trim());
      const weight = parameters.find((parameter) => /^q=/i.test(parameter));
      return { tag, weight: weight === undefined ? 1 : Number(weight.slice(2)) };
    })
    .filter(({ weight }) => weight > 0)
    .sort((one, other) => other.weight - one.weight)
    .map(({ tag }) => tag);
}
