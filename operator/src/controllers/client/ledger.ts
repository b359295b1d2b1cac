/** The secrets of a Client that its registration accepts, as far as they are believed: pure. */
import { createHash } from 'node:crypto';
import type { ClientStatus } from '@nauthera/crds';
import type { SecretNotes } from '@nauthera/server/registry';

/** SHA-256, base64url: what the registry keeps of a secret. */
export function digestOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url');
}

/** Says nothing about the secret, and little about its digest. */
export function idOfDigest(digest: string): string {
  return createHash('sha256').update(`nauthera secret id\0${digest}`).digest('base64url').slice(0, 16);
}

/** What was registered, and what the Client's status tells. Both are empty for a new one. */
export interface LedgerInputs {
  /** Of this Client's own row, the current one first. */
  readonly storedDigests: readonly string[];
  readonly storedNotes?: SecretNotes | undefined;
  /**
   * From the Client's status. Whoever forges it can only have a digest of this Client's own row accepted longer, for this
   * Client.
   */
  readonly known: NonNullable<ClientStatus['secrets']>;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** An older secret that is accepted beside the current one. */
export interface Retiring {
  readonly digest: string;
  /** RFC 3339. */
  readonly createdAt: string;
  /** Since when it is accepted beside a newer one, as far as the registry knows. */
  readonly supersededAt: string;
  /** Since when it truly is replaced, where the registry was lost meanwhile. */
  readonly replacedAt?: string;
}

/**
 * Registered secrets other than the current one, the newest first. The database alone is not believed: a digest counts whose
 * id the status, or the Secret itself, knows.
 *
 * @param vouched ids that the Secret tells
 */
export function olderSecrets(
  { storedDigests, storedNotes, known, now }: LedgerInputs,
  currentDigest: string | undefined,
  vouched: readonly (string | undefined)[] = [],
): readonly Retiring[] {
  const ids = new Set([...known.map(({ id }) => id), ...vouched]);
  ids.delete(undefined);
  const revoked = storedNotes?.revoked ?? [];
  const noted = storedNotes?.retiring;
  const iso = new Date(now).toISOString();
  return storedDigests.flatMap((digest, place): Retiring[] => {
    const id = idOfDigest(digest);
    if (digest === currentDigest || revoked.includes(digest) || (ids.size > 0 && !ids.has(id))) return [];
    const times = place === 0 ? undefined : noted;
    const createdAt = known.find((one) => one.id === id)?.createdAt ?? times?.created_at ?? iso;
    return [{ digest, createdAt, supersededAt: times?.superseded_at ?? iso }];
  });
}

/** As a Secret keeps it. */
export function formerMark({ digest, createdAt, supersededAt }: Retiring): string {
  return `${digest} ${createdAt} ${supersededAt}`;
}

export function readFormerMark(mark: string | undefined): Retiring | undefined {
  const [digest, createdAt, supersededAt] = mark?.split(' ') ?? [];
  if (digest === undefined || createdAt === undefined || supersededAt === undefined) return undefined;
  const isWell =
    /^[A-Za-z0-9_-]{43}$/.test(digest) && createdAt.length <= 40 && !Number.isNaN(Date.parse(supersededAt));
  return isWell && supersededAt.length <= 40 ? { digest, createdAt, supersededAt } : undefined;
}

/** At most so many are remembered, the newest. */
const mostRevoked = 8;

export function notesOf(
  before: SecretNotes | undefined,
  retiring: Retiring | undefined,
  more: { readonly revoked?: readonly string[]; readonly handled?: SecretNotes['handled'] } = {},
): SecretNotes | undefined {
  const revoked = [...new Set([...(more.revoked ?? []), ...(before?.revoked ?? [])])].slice(0, mostRevoked);
  const handled = { ...before?.handled, ...more.handled };
  const notes: SecretNotes = {
    ...(retiring === undefined
      ? {}
      : { retiring: { created_at: retiring.createdAt, superseded_at: retiring.supersededAt } }),
    ...(revoked.length === 0 ? {} : { revoked }),
    ...(Object.keys(handled).length === 0 ? {} : { handled }),
  };
  return Object.keys(notes).length === 0 ? undefined : notes;
}
