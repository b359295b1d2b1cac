/**
 * PURE. Two keys of a name, for looking it up among many. Directories differ in what they hold for the same name (of the
 * preparation in RFC 4518 some do less, some nothing beyond ASCII), so one key is too narrow for any of them and the other too wide.
 */
import { type DistinguishedName, foldText, parseDn } from '../../protocol/distinguished-name.ts';

export interface NameKeys {
  /** Equal: the same name in every directory. Of letters, those of ASCII alone are taken without their case. */
  readonly narrow: string;
  /** Different: not the same name in any directory. Types are left out, as they have several names each. */
  readonly wide: string;
}

/** Written in one way only, but for the case of its letters: ASCII, nothing escaped or quoted, no space that may be left out. */
const plain = /^(?:(?:^|,)[A-Za-z][A-Za-z0-9-]*=[!$-*\--:?-[\]-~]+(?: [!$-*\--:?-[\]-~]+)*)+$/;
const longestPlain = 1024;
/**
 * Whoever may list a name in a group must not make the others in it be asked for one by one. OpenLDAP takes no longer one
 * (`SLAP_LDAPDN_MAXLEN`).
 */
const longest = 8192;

/** `null`: nobody can tell which name it is. It is none as RFC 4514 has it, too long, or a value of it stands in BER. */
export function keysOf(text: string): NameKeys | null {
  if (text.length <= longestPlain && plain.test(text)) {
    return { narrow: text.toLowerCase(), wide: text.replaceAll(/(?:^|,)[^=]*=|[^A-Za-z0-9]/g, '').toUpperCase() };
  }
  const name = parseDn(text, longest);
  if (name === null || name.some((rdn) => rdn.some(({ value }) => value.startsWith('#')))) return null;
  return { narrow: narrowOf(name), wide: wideOf(name) };
}

function narrowOf(name: DistinguishedName): string {
  const written = (value: string) => value.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
  return name
    .map((rdn) =>
      rdn
        .map(({ type, value }) => `${type}=${written(value).replaceAll(/[\\,+]/g, '\\$&')}`)
        .toSorted()
        .join('+'),
    )
    .join(',');
}

function wideOf(name: DistinguishedName): string {
  return name
    .map((rdn) =>
      rdn
        .map(({ value }) => wideText(value))
        .toSorted()
        .join(''),
    )
    .join('');
}

/** Letters and digits alone. By way of capitals, as `ß` and `SS` are the same without their case (RFC 3454 appendix B.2). */
export function wideText(text: string): string {
  if (/^\p{ASCII}*$/u.test(text)) return text.replaceAll(/[^A-Za-z0-9]/g, '').toUpperCase();
  return foldText(text)
    .toUpperCase()
    .normalize('NFKC')
    .replaceAll(/[^\p{L}\p{N}]/gu, '');
}
