/** Secrets of clients: how they are sent in a header (RFC 6749 §2.3.1), and whether one is right. */
import { hash, timingSafeEqual } from 'node:crypto';
import { decodeFormText } from '../protocol/parameters.ts';
import type { ClientRegistration } from '../registry/registration.ts';

/** Characters; ours are far shorter. */
export const maxSecretLength = 1024;

/** Digests as the registry holds them, base64url: a digest as text costs a third of one as bytes of its own. */
const digests = new WeakMap<ClientRegistration, readonly Buffer[]>();
const digestLength = 43;
const dummyDigests: readonly Buffer[] = [Buffer.alloc(digestLength)];
/** The digest of what is being compared. */
const presented = Buffer.alloc(digestLength);

function digestsOf(client: ClientRegistration): readonly Buffer[] {
  let known = digests.get(client);
  if (known === undefined) {
    known = client.client_secret_digests.map(canonical);
    digests.set(client, known);
  }
  return known;
}

/** However its last bits were written. */
function canonical(digest: string): Buffer {
  return Buffer.from(Buffer.from(digest, 'base64url').toString('base64url'), 'latin1');
}

/** Where the secret stands among those that are accepted, the current one first; negative: it does not. */
export function placeOfSecret(client: ClientRegistration | undefined, secret: string): number {
  presented.write(hash('sha256', secret, 'base64url'), 'latin1');
  const accepted = client === undefined ? [] : digestsOf(client);
  let found = -1;
  let place = 0;
  // To the end, whichever it is.
  for (const other of accepted.length === 0 ? dummyDigests : accepted) {
    if (other.length === digestLength && timingSafeEqual(other, presented)) found = place;
    place += 1;
  }
  return accepted.length > 0 ? found : -1;
}

const basicHeader = /^basic +([A-Za-z0-9+/]+={0,2})$/i;

/** `client_id:client_secret`, both form-encoded (RFC 6749 §2.3.1), in strict base64; `null` when malformed. */
export function readBasic(header: string): { clientId: string; secret: string } | null {
  if (header.length > 4 * maxSecretLength) return null;
  const encoded = basicHeader.exec(header)?.[1];
  // Node decodes what is no base64 too, and so would read a secret that was not sent.
  if (encoded === undefined || encoded.length % 4 !== 0) return null;
  const text = textOf(encoded);
  const colon = text.indexOf(':');
  if (colon < 1 || text.includes('\ufffd')) return null;
  const clientId = decodeFormText(text.slice(0, colon));
  const secret = decodeFormText(text.slice(colon + 1));
  if (clientId === null || secret === null || secret.length > maxSecretLength) return null;
  return { clientId, secret };
}

/** UTF-8 in base64; nearly always ASCII, which is quicker read. */
function textOf(base64: string): string {
  const bytes = atob(base64);
  return /[\x80-\xff]/.test(bytes) ? Buffer.from(base64, 'base64').toString('utf8') : bytes;
}
