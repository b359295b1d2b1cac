/**
 * The revocations in memory, so that a request asks nobody: a few look-ups in maps. Polled every 500 ms; a list that could
 * not be renewed for a second is not believed, and the database is asked instead.
 */
import type { Stop } from './database.ts';
import type { Revocation, RevocationKind, RevocationStore } from './revocations.ts';

/** What an access token names (and a revocation can mean). */
export interface RevocableToken {
  readonly tokenId: string;
  readonly subject: string;
  readonly clientId: string;
  readonly grantId: string | undefined;
  readonly sessionId: string | undefined;
  /** Epoch seconds. */
  readonly issuedAt: number;
}

export interface RevocationList {
  /** Reads everything, then follows. A database that is away is asked again; until then each question goes there too. */
  start(): Stop;
  /** At once, unless the list is too old to be believed. */
  isRevoked(token: RevocableToken): boolean | Promise<boolean>;
}

/** Revocations by what they name, and by its id. */
type Known = Readonly<Record<RevocationKind, Map<string, Revocation>>>;

const pollEvery = 500;
const believedFor = 1000;
/** Well within what {@link RevocationStore.recent} reaches back: beyond it a revocation could lie between two polls. */
const followedFor = 5000;
/** A commit that waits for a standby can become visible long after what {@link RevocationStore.recent} reaches back to. */
const readWholeEvery = 10_000;

export interface RevocationListOptions {
  readonly store: RevocationStore;
  /** Milliseconds, never going backwards. */
  readonly monotonic: () => number;
  readonly onError: (error: unknown) => void;
}

export function createRevocationList({ store, monotonic, onError }: RevocationListOptions): RevocationList {
  const known: Known = {
    token: new Map(),
    subject: new Map(),
    client: new Map(),
    grant: new Map(),
    session: new Map(),
  };
  /** When the last poll that succeeded began: what was committed later may be missing. */
  let asOf = Number.NEGATIVE_INFINITY;
  /** When everything was read last. */
  let wholeAsOf = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let stopped = false;

  const poll = async (): Promise<void> => {
    const began = monotonic();
    const whole = began - asOf > followedFor || began - wholeAsOf >= readWholeEvery;
    const rows = await (whole ? store.all() : store.recent());
    for (const row of rows) known[row.kind].set(row.value, row);
    asOf = began;
    if (whole) wholeAsOf = began;
    forget(known);
  };
  const loop = (): void => {
    running = poll()
      .catch(onError)
      .finally(() => {
        if (!stopped) timer = setTimeout(loop, pollEvery).unref();
      });
  };
  return {
    start() {
      loop();
      return async () => {
        stopped = true;
        clearTimeout(timer);
        await running;
      };
    },
    isRevoked(token) {
      if (monotonic() - asOf > believedFor) return askedOf(store, token);
      return isListed(known, token);
    },
  };
}

async function askedOf(store: RevocationStore, token: RevocableToken): Promise<boolean> {
  const rows = await store.among(namesOf(token));
  return rows.some((row) => isMeant(row, token));
}

/** For every request that shows a token, so nothing is made for it. */
function isListed(known: Known, token: RevocableToken): boolean {
  const { tokenId, subject, clientId, grantId, sessionId } = token;
  return (
    isMeant(known.token.get(tokenId), token) ||
    isMeant(known.subject.get(subject), token) ||
    isMeant(known.client.get(clientId), token) ||
    (grantId !== undefined && isMeant(known.grant.get(grantId), token)) ||
    (sessionId !== undefined && isMeant(known.session.get(sessionId), token))
  );
}

function namesOf(token: RevocableToken): readonly { readonly kind: RevocationKind; readonly value: string }[] {
  return [
    { kind: 'token', value: token.tokenId },
    { kind: 'subject', value: token.subject },
    { kind: 'client', value: token.clientId },
    ...(token.grantId === undefined ? [] : [{ kind: 'grant', value: token.grantId } as const]),
    ...(token.sessionId === undefined ? [] : [{ kind: 'session', value: token.sessionId } as const]),
  ];
}

/** A user who comes back, or a client that goes on, gets new tokens; those of before stay refused. */
function isMeant(row: Revocation | undefined, token: RevocableToken): boolean {
  if (row === undefined) return false;
  return row.kind === 'subject' || row.kind === 'client' ? token.issuedAt <= row.revokedAt : true;
}

function forget(known: Known): void {
  const now = Date.now() / 1000;
  for (const rows of Object.values(known)) {
    for (const [value, row] of rows) if (row.expiresAt < now) rows.delete(value);
  }
}
