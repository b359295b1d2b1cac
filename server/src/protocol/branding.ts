/** PURE. The rules of what an owner puts on the pages, beyond the shape. */
import type { Branding } from '../registry/registration.ts';
import { isPlainText } from './client-metadata.ts';
import { pictureProblem } from './picture.ts';

/** One sentence that says what is wrong, or `null`. */
export function brandingProblem({ logo, links = {}, texts = {} }: Branding): string | null {
  const picture = logo === undefined ? null : pictureProblem(logo);
  if (picture !== null) return `branding.logo ${picture}`;
  for (const [name, uri] of Object.entries(links)) {
    if (!isHttps(uri)) return `branding.links.${name} must be an https URL in ASCII`;
  }
  const unreadable = Object.entries(texts).find(([, text]) => !isPlainText(text));
  return unreadable === undefined
    ? null
    : `branding.texts.${unreadable[0]} must not hold control or direction-changing characters`;
}

function isHttps(uri: string): boolean {
  if (!/^[\x21-\x7e]{1,2048}$/.test(uri) || !URL.canParse(uri)) return false;
  const { protocol, username, password } = new URL(uri);
  return protocol === 'https:' && username === '' && password === '';
}
