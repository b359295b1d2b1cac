/**
 * Keys of clients that registered where they publish them (`jwks_uri`, RFC 7591 §2): fetched when an assertion needs them,
 * kept for ten minutes. Whoever sends assertions decides when a URL is called, but not how often.
 */
import { hash } from 'node:crypto';
import type { OutboundGate } from '../outbound/gate.ts';
import { readJwks } from '../protocol/jwks-document.ts';
import { algorithmOf } from '../protocol/public-keys.ts';
import type { AssertionAlgorithm } from '../protocol/terms.ts';
import type { Owner, PublicJwk } from '../registry/registration.ts';
import { HttpError } from './http-error.ts';

export interface KeyLocation {
  readonly url: string;
  readonly namespace: Owner['namespace'];
  /** For the log. */
  readonly clientId: string;
  /** PEM certificates that are trusted there, in place of all others. */
  readonly ca?: string;
}

/** Of an assertion what its header says; of a certificate whether a key is its own. */
export type WantedKey =
  | { readonly kid: string | undefined; readonly algorithm: AssertionAlgorithm }
  | ((key: PublicJwk) => boolean);

export interface ClientKeys {
  /**
   * Fetches the keys if they are old or the wanted one is not among them, and if it is time.
   *
   * @throws HttpError 503 when too many wait already: a place that does not answer must not hold every request
   */
  refresh(location: KeyLocation, wanted: WantedKey): Promise<void>;
  /** All keys that are known there; `null`: none could be fetched, and no good ones are left. */
  known(location: KeyLocation): readonly PublicJwk[] | null;
}

export interface ClientKeysOptions {
  readonly gate: Pick<OutboundGate, 'call'>;
  /** Milliseconds, never going backwards. */
  readonly now: () => number;
  /** Told of every fetch that brought no keys; words of our own. */
  readonly onProblem: (clientId: string, problem: string) => void;
}

/** Milliseconds. */
const freshFor = 10 * 60_000;
/** How long the last good keys do when their place does not answer. */
const usableFor = 60 * 60_000;
/** Between two fetches because of a key that was not there. */
const betweenMisses = 30_000;
/** After a fetch that failed. */
const afterFailure = 10_000;
/**
 * Requests that wait for one place, for those of one namespace, and for all of them: some hundred may be answered at once,
 * and whoever declares clients must not take all the room from others.
 */
const mostWaitingForOne = 24;
const mostWaitingForNamespace = 32;
const mostWaiting = 64;
/** Places whose keys are kept; the longest unused is forgotten first. */
const mostPlaces = 1_000;

/** Replaced as a whole, never changed: nobody sees half of a new set. */
interface Known {
  readonly keys: readonly PublicJwk[];
  /** Minus infinity: never. */
  readonly fetchedAt: number;
  readonly triedAt: number;
}

const nothing: Known = { keys: [], fetchedAt: Number.NEGATIVE_INFINITY, triedAt: Number.NEGATIVE_INFINITY };

export function createClientKeys(options: ClientKeysOptions): ClientKeys {
  const places = new Map<string, Known>();
  const fetching = new Map<string, Promise<void>>();
  const waiting = createTally();
  const waitingIn = createTally();
  let allWaiting = 0;

  const keep = (place: string, known: Known): void => {
    places.delete(place);
    const [oldest] = places.keys();
    if (places.size >= mostPlaces && oldest !== undefined) places.delete(oldest);
    places.set(place, known);
  };

  /** Whoever comes meanwhile waits for the same fetch. */
  const fetchOnce = (place: string, location: KeyLocation): Promise<void> => {
    const running = fetching.get(place);
    if (running !== undefined) return running;
    const started = fetchKeys(options, location)
      .then((keys) => {
        const now = options.now();
        const before = places.get(place) ?? nothing;
        keep(place, keys === null ? { ...before, triedAt: now } : { keys, fetchedAt: now, triedAt: now });
      })
      .finally(() => fetching.delete(place));
    fetching.set(place, started);
    return started;
  };

  const waitFor = async (place: string, namespace: string, work: () => Promise<void>): Promise<void> => {
    const here = waiting.of(place) >= mostWaitingForOne || waitingIn.of(namespace) >= mostWaitingForNamespace;
    if (here || allWaiting >= mostWaiting) throw tooManyWait();
    waiting.add(place, 1);
    waitingIn.add(namespace, 1);
    allWaiting += 1;
    try {
      await work();
    } finally {
      allWaiting -= 1;
      waitingIn.add(namespace, -1);
      waiting.add(place, -1);
    }
  };

  return {
    async refresh(location, wanted) {
      const place = placeOf(location);
      const known = places.get(place) ?? nothing;
      if (isDue(known, wanted, options.now())) {
        await waitFor(place, location.namespace, () => fetchOnce(place, location));
      }
    },
    known(location) {
      const { keys, fetchedAt } = places.get(placeOf(location)) ?? nothing;
      return options.now() - fetchedAt < usableFor ? keys : null;
    },
  };
}

/** How many there are of each; what there is none of takes no memory. */
function createTally(): { of(key: string): number; add(key: string, count: number): void } {
  const tally = new Map<string, number>();
  const of = (key: string): number => tally.get(key) ?? 0;
  return {
    of,
    add(key, count) {
      const now = of(key) + count;
      if (now === 0) tally.delete(key);
      else tally.set(key, now);
    },
  };
}

/** A URL that two namespaces registered may be open to one of them alone. */
function placeOf({ namespace, url, ca }: KeyLocation): string {
  // Who answered under another authority is somebody else.
  return ca === undefined ? `${namespace} ${url}` : `${namespace} ${url} ${hash('sha256', ca)}`;
}

function tooManyWait(): HttpError {
  return new HttpError(503, 'temporarily_unavailable', {
    description: 'the keys of the client are being fetched, try again in a moment',
    headers: { 'retry-after': '2' },
  });
}

function isDue({ keys, fetchedAt, triedAt }: Known, wanted: WantedKey, now: number): boolean {
  const failed = triedAt > fetchedAt;
  if (failed && now - triedAt < afterFailure) return false;
  if (now - fetchedAt >= freshFor) return true;
  const isThere = keys.some((key) => isWanted(wanted, key));
  return !isThere && now - triedAt >= betweenMisses;
}

function isWanted(wanted: WantedKey, key: PublicJwk): boolean {
  if (typeof wanted === 'function') return wanted(key);
  const { kid, algorithm } = wanted;
  return algorithmOf(key) === algorithm && (kid === undefined || key.kid === kid);
}

/** Never rejects; `null`: there was a problem, which was told. */
async function fetchKeys(
  { gate, onProblem }: ClientKeysOptions,
  { url, namespace, clientId, ca }: KeyLocation,
): Promise<readonly PublicJwk[] | null> {
  const problem = (words: string): null => {
    onProblem(clientId, `jwks_uri: ${words}`);
    return null;
  };
  try {
    const headers = { accept: 'application/jwk-set+json, application/json' };
    const { status, body } = await gate.call({
      url,
      namespace,
      method: 'GET',
      headers,
      ...(ca === undefined ? {} : { ca }),
    });
    if (status !== 200) return problem(`it answered with status ${status}`);
    const reading = readJwks(body.toString('utf8'));
    return 'keys' in reading ? reading.keys : problem(reading.problem);
  } catch (error) {
    return problem(error instanceof Error && 'reason' in error ? String(error.reason) : 'the call failed');
  }
}
