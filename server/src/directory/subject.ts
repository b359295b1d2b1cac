/** PURE. Subjects of users: stable over renames, distinct between directories, without any text that a user chose. */
import { hash } from 'node:crypto';

/**
 * `u_` + base64url(SHA-256(namespace ‖ 0x00 ‖ id)). Neither part can hold the separator: a namespace is text without NUL,
 * and what follows the first NUL is the id as a whole.
 *
 * @param entryId the immutable id as text, as in `DirectoryUser.entryId`
 */
export function subjectOf(namespace: string, entryId: string): string {
  if (namespace.includes('\0')) throw new RangeError('a subject namespace holds no NUL');
  return `u_${hash('sha256', `${namespace}\0${entryId}`, 'base64url')}`;
}
