/** PURE. Logout requests (OpenID Connect RP-Initiated Logout §2, §3) and what front-channel logout asks browsers to load. */
import type { ClientRegistration } from '../registry/registration.ts';
import type { ParameterReading } from './parameters.ts';
import { maxUriLength } from './redirect-uri.ts';

/** What a readable `id_token_hint` says: to whom it was issued, and about whom. */
export interface LogoutHint {
  /** As its client knows the user. */
  readonly subject: string;
  /** As its client knows the session; `undefined`: it was issued outside of one, e.g. by a refresh. */
  readonly sid: string | undefined;
}

/** Where the browser may go after the logout: compared byte for byte with what is registered, by {@link mayReturnTo} alone. */
export interface LogoutReturn {
  readonly uri: string;
  /** Returned unmodified, `undefined` when the request had none. */
  readonly state: string | undefined;
}

export interface LogoutRequest {
  /** Named by the hint or by `client_id`. */
  readonly client: ClientRegistration | undefined;
  readonly hint: LogoutHint | undefined;
  /** Only with a client whose registered URI it is. */
  readonly returnTo: LogoutReturn | undefined;
}

export type LogoutReading =
  | { readonly outcome: 'complete'; readonly request: LogoutRequest }
  /** Nothing of the request may be believed. `problem` is constant text for developers. */
  | { readonly outcome: 'incomplete'; readonly problem: string };

/**
 * `logout_hint` changes nothing: a browser has one session, and without an ID token its user is asked anyway.
 *
 * @param hint claims of the `id_token_hint` whose signature held; `null`: there was one, and it is not ours
 */
export function readLogoutRequest(
  { parameters, problem }: ParameterReading,
  hint: Readonly<Record<string, unknown>> | null | undefined,
  clientOf: (clientId: string) => ClientRegistration | undefined,
): LogoutReading {
  if (problem !== undefined) return incomplete('the parameters are malformed, or one was sent more than once');
  const hinted = hint === undefined ? undefined : hint === null ? null : readHint(hint);
  if (hinted === null) return incomplete('the id_token_hint is no ID token of this server');
  const clientId = parameters.get('client_id');
  if (hinted !== undefined && clientId !== undefined && clientId !== hinted.clientId) {
    return incomplete('client_id is not the audience of the id_token_hint');
  }
  const named = hinted?.clientId ?? clientId;
  const client = named === undefined ? undefined : clientOf(named);
  if (named !== undefined && client === undefined) return incomplete('the client is not known');
  const uri = parameters.get('post_logout_redirect_uri');
  const returnTo = uri === undefined ? undefined : { uri, state: parameters.get('state') };
  // §3: without a hint, and without a client whose registered URI it is, nothing says that anybody wants people there.
  if (returnTo !== undefined && client === undefined) {
    return incomplete('post_logout_redirect_uri needs an id_token_hint or a client_id');
  }
  if (returnTo !== undefined && !mayReturnTo(client, returnTo)) {
    return incomplete('post_logout_redirect_uri is not registered for the client');
  }
  return { outcome: 'complete', request: { client, hint: hinted, returnTo } };
}

function incomplete(problem: string): LogoutReading {
  return { outcome: 'incomplete', problem };
}

function readHint({
  sub,
  aud,
  sid,
}: Readonly<Record<string, unknown>>): (LogoutHint & { readonly clientId: string }) | null {
  const audience: unknown = Array.isArray(aud) && aud.length === 1 ? aud[0] : aud;
  if (typeof sub !== 'string' || typeof audience !== 'string') return null;
  return { clientId: audience, subject: sub, sid: typeof sid === 'string' ? sid : undefined };
}

/** Equality of bytes, before any parsing; here not even the port of a loopback address may differ. */
export function mayReturnTo(
  client: Pick<ClientRegistration, 'post_logout_redirect_uris'> | undefined,
  { uri }: LogoutReturn,
): boolean {
  return uri.length <= maxUriLength && (client?.post_logout_redirect_uris ?? []).includes(uri);
}

/** The URI with `state`, if there was one, and nothing else. */
export function logoutResponseUri({ uri, state }: LogoutReturn): string {
  return state === undefined ? uri : withQuery(uri, { state });
}

/** `frontchannel_logout_uri` with `iss` and `sid` (Front-Channel Logout §2: never one without the other). */
export function frontChannelLogoutUri(registered: string, issuer: string, sid: string): string {
  return withQuery(registered, { iss: issuer, sid });
}

function withQuery(uri: string, members: Readonly<Record<string, string>>): string {
  const separator = !uri.includes('?') ? '?' : uri.endsWith('?') || uri.endsWith('&') ? '' : '&';
  return `${uri}${separator}${new URLSearchParams(members).toString()}`;
}
