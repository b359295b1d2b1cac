/** A page as a program without a screen needs it: what it is, its words, its links, forms and frames. */

export interface Field {
  readonly name: string;
  readonly value: string;
}

export interface Button extends Field {
  readonly id: string;
}

export interface Form {
  readonly action: string;
  readonly method: string;
  readonly fields: readonly Field[];
  readonly buttons: readonly Button[];
}

export interface Page {
  readonly url: string;
  readonly status: number;
  /** `data-page` of the body. */
  readonly name: string;
  /** `data-error` of the body, or empty. */
  readonly error: string;
  /** The words on it, tags taken out, spaces squeezed. */
  readonly text: string;
  readonly markup: string;
  readonly forms: readonly Form[];
  /** `href` by `id`. */
  readonly links: Readonly<Record<string, string>>;
  /** Addresses that it shows in frames. */
  readonly frames: readonly string[];
}

export function readPage(url: string, status: number, markup: string): Page {
  const body = attributesOf(/<body\b[^>]*>/i.exec(markup)?.[0] ?? '');
  return {
    url,
    status,
    name: body['data-page'] ?? '',
    error: body['data-error'] ?? '',
    text: unescape(markup.replaceAll(/<(style|head|script)\b[\s\S]*?<\/\1>|<[^>]*>/gi, ' '))
      .replaceAll(/\s+/g, ' ')
      .trim(),
    markup,
    forms: [...markup.matchAll(/(<form\b[^>]*>)([\s\S]*?)<\/form>/gi)].map(([, tag = '', inner = '']) =>
      readForm(tag, inner),
    ),
    links: Object.fromEntries(
      tags(markup, 'a')
        .filter((link) => link.id !== undefined && link.href !== undefined)
        .map((link) => [link.id ?? '', link.href ?? '']),
    ),
    frames: tags(markup, 'iframe').flatMap(({ src }) => src ?? []),
  };
}

function readForm(tag: string, inner: string): Form {
  const own = attributesOf(tag);
  const values = [...tags(inner, 'input'), ...tags(inner, 'select')];
  return {
    action: own.action ?? '',
    method: (own.method ?? 'get').toUpperCase(),
    fields: values.flatMap(({ name, value = '' }) => (name === undefined ? [] : [{ name, value }])),
    buttons: tags(inner, 'button').map(({ id = '', name = '', value = '' }) => ({ id, name, value })),
  };
}

function tags(markup: string, name: string): readonly Readonly<Record<string, string>>[] {
  return [...markup.matchAll(new RegExp(`<${name}\\b[^>]*>`, 'gi'))].map(([tag]) => attributesOf(tag));
}

function attributesOf(tag: string): Readonly<Record<string, string>> {
  const found = [...tag.matchAll(/\s([a-z][a-z-]*)="([^"]*)"/gi)];
  return Object.fromEntries(found.map(([, name = '', value = '']) => [name.toLowerCase(), unescape(value)]));
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", nbsp: ' ' };

function unescape(text: string): string {
  return text.replaceAll(/&(#?\w+);/g, (whole, name: string) => entities[name] ?? whole);
}
