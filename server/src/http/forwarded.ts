/** PURE. Who a proxy says it speaks for. Addresses come nearest last, as proxies append them. */
import { isIP } from 'node:net';

export type ForwardingHeader = 'x-forwarded-for' | 'forwarded' | 'x-real-ip';

/** An entry that names no address (`unknown`, an obfuscated name, garbage) is `null`; an unreadable header has one of them. */
export function forwardedFor(header: ForwardingHeader, value: string): readonly (string | null)[] {
  switch (header) {
    case 'x-real-ip':
      return [addressIn(value.trim())];
    case 'x-forwarded-for':
      return value.split(',').map((entry) => addressIn(entry.trim()));
    case 'forwarded':
      return readForwarded(value);
  }
}

/** Some proxies write the port, too. */
function addressIn(text: string): string | null {
  const bare = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
  return isIP(bare) === 0 || bare.includes('%') ? null : bare;
}

const token = String.raw`[!#$%&'*+.^_\x60|~0-9A-Za-z-]+`;
const quoted = String.raw`"(?:[^"\\\x00-\x1f]|\\[^\x00-\x1f])*"`;
const pair = new RegExp(String.raw`\s*(?:(${token})=(${token}|${quoted}))?\s*(;|,|$)`, 'y');

/**
 * RFC 7239 §4. Read strictly from its beginning: whoever sends the first element could otherwise have its quotes swallow
 * what the proxy appended.
 */
function readForwarded(value: string): readonly (string | null)[] {
  const found: (string | null)[] = [];
  let element: string | null = null;
  for (let at = 0; at <= value.length; ) {
    pair.lastIndex = at;
    const match = pair.exec(value);
    if (match === null) return [null];
    const [whole, name, given = '', end] = match;
    if (name?.toLowerCase() === 'for') element = addressIn(unquoted(given));
    if (end !== ';') {
      found.push(element);
      element = null;
    }
    if (end === '') break;
    at += whole.length;
  }
  return found;
}

function unquoted(text: string): string {
  return text.startsWith('"') ? text.slice(1, -1).replaceAll(/\\(.)/g, '$1') : text;
}
