/**
 * PURE. The `sid` of a browser session as one client sees it: in ID and access tokens, in logout tokens and front-channel
 * logout, and in hints that come back. Inside, rows and revocations keep the session's own id.
 */
import { createCipheriv, createDecipheriv, createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { SubjectReader } from './subject.ts';

export interface SessionNames {
  /** What this client is told. */
  told(client: SubjectReader, sessionId: string): string;
  /**
   * The session that a `sid` which we signed for this client means; `undefined`: it cannot be read any more, since the client
   * is of another sector now, and nobody can say whether its session has ended.
   */
  meant(client: SubjectReader, sid: string): string | undefined;
}

const blockBytes = 16;
const codeBytes = 8;
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Public: the id itself, a UUID. Pairwise: equal within one sector, and of two sectors nobody without the salt can tell that
 * they mean one session, which would undo what their subjects hide. The id is exactly one block of AES, so that its
 * encryption under a key of the sector is a name that we alone can read back, without a table of names. A code behind it tells
 * of which sector it is: read under another key it would be some id, of a session that never ended.
 *
 * @param salt of pairwise subjects; asked for only where it is needed.
 */
export function sessionNames(salt: () => KeyObject): SessionNames {
  // No sector begins with NUL: no subject is ever made of the same bytes (`subject.ts`).
  const derive = (use: 'sid' | 'sid-code', sector: string): Buffer =>
    createHmac('sha256', salt()).update(`\0${use}\0${sector}`).digest();
  const codeOf = (sector: string, block: Buffer): Buffer =>
    createHmac('sha256', derive('sid-code', sector)).update(block).digest().subarray(0, codeBytes);
  return {
    told(client, sessionId) {
      if (client.subject_type !== 'pairwise') return sessionId;
      const sector = client.sector_identifier;
      if (sector === undefined) throw new Error('a pairwise client has no sector identifier');
      if (!uuid.test(sessionId)) throw new Error('the id of a session is no UUID');
      const cipher = createCipheriv('aes-256-ecb', derive('sid', sector), null).setAutoPadding(false);
      const id = Buffer.from(sessionId.replaceAll('-', ''), 'hex');
      const block = Buffer.concat([cipher.update(id), cipher.final()]);
      return Buffer.concat([block, codeOf(sector, block)]).toString('base64url');
    },
    meant(client, sid) {
      // Told while the client was public.
      if (uuid.test(sid)) return sid;
      const sector = client.sector_identifier;
      const name = Buffer.from(sid, 'base64url');
      if (name.length !== blockBytes + codeBytes || sector === undefined) return undefined;
      const block = name.subarray(0, blockBytes);
      if (!timingSafeEqual(codeOf(sector, block), name.subarray(blockBytes))) return undefined;
      const decipher = createDecipheriv('aes-256-ecb', derive('sid', sector), null).setAutoPadding(false);
      const id = Buffer.concat([decipher.update(block), decipher.final()]).toString('hex');
      return id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    },
  };
}
