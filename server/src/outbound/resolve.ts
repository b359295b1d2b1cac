/** Names to addresses. */
import { promises as dns } from 'node:dns';
import { createTurnstile } from './turnstile.ts';

/**
 * Every address of a name. `local`: as the machine resolves it, hosts file and search domains included (service names of the
 * cluster need them); otherwise the name as it stands is asked for in DNS.
 *
 * @throws the resolver's error, or the signal's reason
 */
export type Resolve = (
  hostname: string,
  how: { readonly local: boolean; readonly signal: AbortSignal },
) => Promise<readonly string[]>;

/**
 * Look-ups by the machine take a thread that all of the process share and cannot be ended: two at once, or a zone that
 * never answers would stop everything that needs one. Names that strangers chose are asked without threads.
 */
/** @param servers of DNS, as `address:port`; default: the machine's */
export function createResolver(servers?: readonly string[]): Resolve {
  const lookups = createTurnstile(2);
  return async (hostname, { local, signal }) => {
    if (!local) return resolveInDns(hostname, servers, signal);
    const leave = await lookups.enter('', signal);
    const found = dns.lookup(hostname, { all: true, order: 'verbatim' }).finally(leave);
    return (await orAborted(found, signal)).map(({ address }) => address);
  };
}

async function resolveInDns(
  hostname: string,
  servers: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const resolver = new dns.Resolver({ timeout: 1500, tries: 2 });
  if (servers !== undefined) resolver.setServers(servers);
  const cancel = (): void => resolver.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    const answers = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
    signal.throwIfAborted();
    const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    const [first] = answers;
    if (found.length === 0 && first.status === 'rejected') throw first.reason;
    return found;
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

/** @throws the signal's reason when that comes first */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
    promise.catch(() => undefined);
    aborted.catch(() => undefined);
  }
}
