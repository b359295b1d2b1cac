/**
 * PURE. Response types and modes (RFC 6749 §3.1.1, OAuth 2.0 Multiple Response Type Encoding Practices, OAuth 2.0 Form Post
 * Response Mode): what an authorization request asks for, and how the answer travels.
 */
import { type ResponseMode, type ResponseType, responseModes, responseTypes } from './terms.ts';

export type ResponseWord = 'code' | 'token' | 'id_token';

/** The words may come in any order, each once. `null`: not a type that exists here. */
export function parseResponseType(text: string): ResponseType | null {
  const words = text.split(' ').sort().join(' ');
  return responseTypes.find((type) => type === words) ?? null;
}

/** Whether this response type asks the authorization endpoint for this. */
export function gives(type: ResponseType, word: ResponseWord): boolean {
  return type.split(' ').includes(word);
}

/** Tokens come from the authorization endpoint itself, through the browser. */
export function isFrontChannel(type: ResponseType): boolean {
  return type !== 'code';
}

export function isResponseMode(text: string): text is ResponseMode {
  return (responseModes as readonly string[]).includes(text);
}

/** What a request says, well formed or not; `undefined`: left out. */
export interface AskedResponse {
  readonly type: string | undefined;
  readonly mode: string | undefined;
}

/**
 * How the answer to a request travels, an error included, whatever else is wrong with the request. Tokens never travel in
 * a query, which ends up in logs and histories: a request that wants it gets its refusal in the fragment.
 */
export function deliveryModeOf({ type, mode }: AskedResponse): ResponseMode {
  const words = (type ?? '').split(' ');
  const front = words.includes('token') || words.includes('id_token');
  if (mode === 'form_post' || mode === 'fragment') return mode;
  return front ? 'fragment' : 'query';
}
