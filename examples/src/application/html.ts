/** An escaping template tag: whatever is put in is text, unless this tag made it. */

export class Html {
  readonly #markup: string;
  private constructor(markup: string) {
    this.#markup = markup;
  }
  static fromTemplate(strings: readonly string[], values: readonly Value[]): Html {
    return new Html(strings.map((text, at) => text + (at < values.length ? render(values[at]) : '')).join(''));
  }
  static is(value: unknown): value is Html {
    return typeof value === 'object' && value !== null && #markup in value;
  }
  toString(): string {
    return this.#markup;
  }
}

export type Value = string | number | Html | undefined | false | readonly Value[];

export function html(strings: TemplateStringsArray, ...values: readonly Value[]): Html {
  return Html.fromTemplate(strings, values);
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function render(value: Value): string {
  if (value === undefined || value === false) return '';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return value.replaceAll(/[&<>"']/g, (character) => entities[character] ?? '');
  return Html.is(value) ? value.toString() : value.map(render).join('');
}
