/**
 * PURE. The `sid` of a browser session as one client sees it: in ID and access tokens, in logout tokens and front-channel
 * logout, and in hints that come back. Inside, rows and revocations keep the session's own id.
 */
import { createCipheriv, createDecipheriv, createHmac, type KeyObject } from 'node:crypto';
import type { SubjectReader } from './subject.ts';

export interface SessionNames {
  /** What this client is told. */
  told(client: SubjectReader, sessionId: string): string;
  /** The session that a `sid` which we signed for this client means; `undefined`: it cannot be read any more. */
  meant(client: SubjectReader, sid: string): string | undefined;
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Public: the id itself, a UUID. Pairwise: equal within one sector, and of two sectors nobody without the salt can tell that
 * they mean one session, which would undo what their subjects hide. The id is exactly one block of AES, so that its
 * encryption under a key of the sector is a name that we alone can read back, without a table of names.
 *
 * @param salt of pairwise subjects; asked for only where it is needed.
 */
export function sessionNames(salt: () => KeyObject): SessionNames {
  // No sector begins with NUL: no subject is ever made of the same bytes (`subject.ts`).
  const keyOf = (sector: string): Buffer => createHmac('sha256', salt()).update(`\0sid\0${sector}`).digest();
  return {
    told(client, sessionId) {
      if (client.subject_type !== 'pairwise') return sessionId;
      if (client.sector_identifier === undefined) throw new Error('a pairwise client has no sector identifier');
      if (!uuid.test(sessionId)) throw new Error('the id of a session is no UUID');
      const cipher = createCipheriv('aes-256-ecb', keyOf(client.sector_identifier), null).setAutoPadding(false);
      const id = Buffer.from(sessionId.replaceAll('-', ''), 'hex');
      return Buffer.concat([cipher.update(id), cipher.final()]).toString('base64url');
    },
    meant(client, sid) {
      // Told while the client was public.
      if (uuid.test(sid)) return sid;
      const block = Buffer.from(sid, 'base64url');
      if (block.length !== 16 || client.sector_identifier === undefined) return undefined;
      const decipher = createDecipheriv('aes-256-ecb', keyOf(client.sector_identifier), null).setAutoPadding(false);
      const id = Buffer.concat([decipher.update(block), decipher.final()]).toString('hex');
      return id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    },
  };
}
