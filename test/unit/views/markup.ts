/** Reading markup that the pages made, for tests: every attribute there is in double quotes and holds no raw `<`, `>`. */

const entities: Readonly<Record<string, string>> = {
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
  '&amp;': '&',
};

export const decode = (text: string): string =>
  text.replace(/&(?:lt|gt|quot|#39|amp);/g, (entity) => entities[entity] ?? '');

/** What a person reads, white space collapsed. */
export function textOf(page: string): string {
  const body = page.slice(page.indexOf('<body'));
  return decode(body.replace(/<[^>]*>/g, ''))
    .replace(/\s+/g, ' ')
    .trim();
}

/** The text of the element with this id. */
export function textById(page: string, id: string): string | undefined {
  const match = new RegExp(`<(\\w+)[^>]*\\sid="${id}"[^>]*>([\\s\\S]*?)</\\1>`).exec(page);
  return match?.[2] === undefined ? undefined : decode(match[2].replace(/<[^>]*>/g, '')).trim();
}

/** The opening tag of the element with this id. */
export const tagById = (page: string, id: string): string | undefined =>
  new RegExp(`<\\w+[^>]*\\sid="${id}"[^>]*>`).exec(page)?.[0];

/** The tags in order, attribute values and texts left out: what escaping must never change. */
export const skeletonOf = (page: string): string =>
  [...page.matchAll(/<[^>]*>/g)].map(([tag]) => tag.replace(/="[^"]*"/g, '')).join('');

export const titleOf = (page: string): string => decode(/<title>([^<]*)<\/title>/.exec(page)?.[1] ?? '');

/** Values of an attribute, in order. */
export const attributeValues = (page: string, attribute: string): readonly string[] =>
  [...page.matchAll(new RegExp(`\\s${attribute}="([^"]*)"`, 'g'))].map((match) => decode(match[1] ?? ''));
