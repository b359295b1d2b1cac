/** A JWT of ours as the list of revocations knows it. */
import type { SnapshotSource } from '../registry/snapshot.ts';
import type { RevocableToken } from '../store/revocation-list.ts';
import type { AccessToken } from '../tokens/access-token.ts';
import type { SessionNames } from '../tokens/session-name.ts';

export interface RevocablePorts {
  readonly snapshot: SnapshotSource;
  readonly sessionNames: Pick<SessionNames, 'meant'>;
}

/** With the session's own id in the place of what its client is told. `null`: its client is gone, or not who it was then. */
export function revocable({ snapshot, sessionNames }: RevocablePorts, token: AccessToken): RevocableToken | null {
  const client = snapshot.current.client(token.clientId)?.value;
  if (client === undefined) return null;
  const { tokenId, subject, clientId, grantId, issuedAt, sid } = token;
  const sessionId = sid === undefined ? undefined : sessionNames.meant(client, sid);
  if (sid !== undefined && sessionId === undefined) return null;
  return { tokenId, subject, clientId, grantId, sessionId, issuedAt };
}
