/**
 * `id_token_hint` (OpenID Connect Core §3.1.2.1): the client asks about the user whom an ID token of ours was issued about.
 * It limits the answer, so one that says nothing cannot be ignored: the answer could then be about somebody else.
 */
import { redirectError, type VerifiedRedirect } from '../protocol/errors.ts';
import type { ParameterReading } from '../protocol/parameters.ts';
import type { FlowPorts } from './flow.ts';
import type { Going } from './interaction.ts';

/**
 * The subject of the hint, as its client knows it; `undefined`: no hint was sent. It may have expired, and its key may have
 * retired as long as it is published. Read once: from here on the subject travels, sealed, in its place.
 *
 * @throws ProtocolError `invalid_request` by redirect: not one of ours, or issued to another client
 */
export async function hintedSubject(
  { keys }: Pick<FlowPorts, 'keys'>,
  { parameters }: ParameterReading,
  { request, client }: Pick<Going, 'request' | 'client'>,
): Promise<string | undefined> {
  const hint = parameters.get('id_token_hint');
  if (hint === undefined) return undefined;
  const claims = await keys.readHint(hint);
  if (claims === null) throw refused(request.redirect, 'it is not an ID token of ours');
  const { aud, sub } = claims;
  if (aud !== client.value.client_id || typeof sub !== 'string') {
    throw refused(request.redirect, 'it was issued to another client');
  }
  return sub;
}

function refused(to: VerifiedRedirect, detail: string): Error {
  return redirectError(to, 'invalid_request', 'id_token_hint is not valid', { detail: `id_token_hint: ${detail}` });
}
