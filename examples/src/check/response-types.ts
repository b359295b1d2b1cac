/** The seven response types: who asks with each of them here, and by which library. */
import type { CheckedName } from './facts.ts';

export interface ResponseTypeFlow {
  readonly title: string;
  readonly responseType: string;
  readonly application: CheckedName & ('order-desk' | 'showroom' | 'wall-display');
  /** `openid-client` 6 sends three of the seven; the others are read by hand and verified with `jose`. */
  readonly readWith: 'openid-client' | 'jose';
  /** How it is answered when no mode is asked for. */
  readonly mode: 'query' | 'fragment';
  /** Also played with `response_mode=form_post`: one of each family. */
  readonly formPost: boolean;
}

function flow(
  title: string,
  responseType: string,
  application: ResponseTypeFlow['application'],
  readWith: ResponseTypeFlow['readWith'],
  formPost = false,
): ResponseTypeFlow {
  const mode = responseType === 'code' ? 'query' : 'fragment';
  return { title, responseType, application, readWith, mode, formPost };
}

export const responseTypeFlows: readonly ResponseTypeFlow[] = [
  flow('Authorization code', 'code', 'order-desk', 'openid-client', true),
  flow('Implicit: access token', 'token', 'wall-display', 'jose'),
  flow('Implicit: ID token', 'id_token', 'wall-display', 'openid-client'),
  flow('Implicit: ID token and access token', 'id_token token', 'wall-display', 'jose', true),
  flow('Hybrid: code and ID token', 'code id_token', 'showroom', 'openid-client', true),
  flow('Hybrid: code and access token', 'code token', 'showroom', 'jose'),
  flow('Hybrid: code, ID token and access token', 'code id_token token', 'showroom', 'jose'),
];

/** What an application of this type gets in the end. */
export function givenBy(responseType: string): {
  readonly code: boolean;
  readonly idToken: boolean;
  readonly token: boolean;
} {
  const parts = responseType.split(' ');
  return { code: parts.includes('code'), idToken: parts.includes('id_token'), token: parts.includes('token') };
}
