/**
 * PURE. The subject of a user as one client sees it (OpenID Connect Core §8). Whatever leaves the server with a `sub` of a
 * user in it asks here: ID and access tokens, userinfo, introspection, logout tokens, and hints that come back. Inside, rows
 * and revocations keep the user's own subject.
 */
import { createHmac, type KeyObject } from 'node:crypto';
import type { ClientRegistration } from '../registry/registration.ts';

/** What of a client decides. */
export type SubjectReader = Pick<ClientRegistration, 'subject_type' | 'sector_identifier'>;

/** {@link subjectFor} with the salt of this server. */
export type SubjectOf = (client: SubjectReader, subject: string) => string;

/**
 * Public: the subject itself. Pairwise: `u_` + base64url(HMAC-SHA256(salt, sector ‖ 0x00 ‖ subject)); equal within one
 * sector, and of two sectors nobody without the salt can tell that they mean one user. Both begin with `u_`, as no client id
 * does. A host holds no NUL, so sector and subject are never cut in two ways.
 *
 * @param subject a user's own; a client's own (client credentials) is no user and never comes here.
 * @param salt asked for only where it is needed.
 */
export function subjectFor(client: SubjectReader, subject: string, salt: () => KeyObject): string {
  if (client.subject_type !== 'pairwise') return subject;
  // Registration refuses it; without a sector all such clients would share one.
  if (client.sector_identifier === undefined) throw new Error('a pairwise client has no sector identifier');
  const input = `${client.sector_identifier}\0${subject}`;
  return `u_${createHmac('sha256', salt()).update(input).digest('base64url')}`;
}
