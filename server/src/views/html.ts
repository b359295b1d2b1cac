/**
 * The escaping template tag of all pages. Whatever is put into a template is text and gets escaped, unless it was made
 * by the tag itself: {@link SafeHtml} has no public way to be built from a string, so a forgotten escape does not compile.
 * Attribute values in templates are always written in double quotes.
 */

export class SafeHtml {
  readonly #markup: string;
  private constructor(markup: string) {
    this.#markup = markup;
  }
  /** For {@link html} alone: what is passed here is markup, not text. */
  static fromTemplate(strings: readonly string[], values: readonly HtmlValue[]): SafeHtml {
    let markup = strings[0] ?? '';
    for (const [at, value] of values.entries()) markup += render(value) + (strings[at + 1] ?? '');
    return new SafeHtml(markup);
  }
  static is(value: unknown): value is SafeHtml {
    return typeof value === 'object' && value !== null && #markup in value;
  }
  toString(): string {
    return this.#markup;
  }
}

/** See {@link exactly}. */
export class ExactText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/**
 * Text for an attribute that nobody reads and a form sends back, every character as it is. What people read is never put
 * in this way: nothing misleading is taken out of it.
 */
export function exactly(text: string): ExactText {
  return new ExactText(text);
}

/** `undefined` and `false` leave nothing behind, so `condition && html…` reads well. */
export type HtmlValue = string | number | SafeHtml | ExactText | undefined | false | readonly HtmlValue[];

/** @example html`<p title="${name}">${name}</p>` */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): SafeHtml {
  return SafeHtml.fromTemplate(strings, values);
}

function render(value: HtmlValue): string {
  if (value === undefined || value === false) return '';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return escape(value);
  if (value instanceof ExactText) return escapeMarkup(value.text);
  return SafeHtml.is(value) ? value.toString() : value.map(render).join('');
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * Control characters, and those that turn the reading direction around ("moc.elpmaxe" shown as "example.com"): names come
 * from directories and tenants, and none of these belongs into one.
 */
const misleading = /(?![\t\n\r])[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;

function escape(text: string): string {
  return escapeMarkup(text).replace(misleading, '\ufffd');
}

function escapeMarkup(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? '');
}
