/** Looks into a JWT without believing it: `openid-client` has verified what this application relies on. */

export interface DecodedToken {
  readonly header: unknown;
  readonly payload: unknown;
}

/** `undefined` for anything that is no signed JWT. */
export function decodeToken(token: string): DecodedToken | undefined {
  const [header = '', payload = '', signature, ...rest] = token.split('.');
  if (signature === undefined || rest.length > 0) return undefined;
  try {
    return { header: part(header), payload: part(payload) };
  } catch {
    return undefined;
  }
}

function part(text: string): unknown {
  return JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
}
