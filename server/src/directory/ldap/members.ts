/** The servers that a directory has at the moment: those that are listed, or those that DNS names. */
import type { DirectoryRegistration } from '../../registry/registration.ts';
import type { LdapServer } from './server.ts';
import { lookUpServers, type ResolveSrv, type SrvRecord, urlsOf } from './srv.ts';
import { type ServerTarget, TargetProblem, targetsOf } from './target.ts';

export interface Members {
  /** In order of preference. */
  readonly servers: readonly LdapServer[];
  /** Why there are none; `null`: there are some. */
  readonly problem: TargetProblem | null;
  /** Resolves when it is known which there are, or that nobody knows, or with the signal. */
  ready(signal: AbortSignal): Promise<void>;
  close(): void;
}

export interface MemberPorts {
  readonly make: (target: ServerTarget) => LdapServer;
  readonly resolveSrv: ResolveSrv;
  /** Milliseconds until DNS is asked again. */
  readonly lookUpEvery: number;
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
  /** Look-ups fail now, or find nothing; the code of `node:dns` if there is one. Servers found before stay. */
  readonly onLookUpFailed: (code: string) => void;
}

type Registration = Pick<DirectoryRegistration, 'servers' | 'srv_domain' | 'ca_bundle'>;

export function membersOf(registration: Registration, ports: MemberPorts): Members {
  const { servers: urls, srv_domain: domain, ca_bundle } = registration;
  try {
    if ((domain === undefined) === (urls.length === 0))
      throw new TargetProblem('servers', 'spec: name servers, or a domain in spec.srv, and not both');
    const listed = targetsOf(urls, ca_bundle).map(ports.make);
    return domain === undefined ? fixed(listed, null) : new Discovered(domain, ca_bundle, ports);
  } catch (error) {
    if (error instanceof TargetProblem) return fixed([], error);
    throw error;
  }
}

function fixed(servers: readonly LdapServer[], problem: TargetProblem | null): Members {
  return {
    servers,
    problem,
    ready: () => Promise.resolve(),
    close() {
      for (const server of servers) server.close();
    },
  };
}

/** After a look-up that failed. */
const lookUpAgain = 5000;

interface Answer {
  readonly targets: readonly ServerTarget[];
  readonly said: string;
}

function textOf(records: readonly SrvRecord[]): string {
  return records
    .map(({ priority, weight, name, port }) => `${priority} ${weight} ${name}:${port}`)
    .toSorted()
    .join(', ');
}

class Discovered implements Members {
  readonly #domain: string;
  readonly #caBundle: string | undefined;
  readonly #ports: MemberPorts;
  readonly #first = Promise.withResolvers<void>();
  #members: ReadonlyMap<string, LdapServer> = new Map();
  /** What DNS said last, in an order of its own, so that the same answer is the same text. */
  #known = '';
  /** Why the last look-up gave nothing; empty: it gave something. */
  #failure = '';
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  problem: TargetProblem | null;

  constructor(domain: string, caBundle: string | undefined, ports: MemberPorts) {
    this.#domain = domain;
    this.#caBundle = caBundle;
    this.#ports = ports;
    this.problem = this.#nothingFound('not looked up yet');
    void this.#lookUp();
  }

  get servers(): readonly LdapServer[] {
    return [...this.#members.values()];
  }

  async ready(signal: AbortSignal): Promise<void> {
    const { promise: aborted, resolve } = Promise.withResolvers<void>();
    const stop = () => resolve();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    await Promise.race([this.#first.promise, aborted]);
    signal.removeEventListener('abort', stop);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const server of this.#members.values()) server.close();
  }

  async #lookUp(): Promise<void> {
    const found = await this.#ask();
    if (this.#closed) return;
    if (typeof found === 'string') {
      if (found !== this.#failure) this.#ports.onLookUpFailed(found);
      if (this.#members.size === 0) this.problem = this.#nothingFound(found);
    } else this.#take(found);
    this.#failure = typeof found === 'string' ? found : '';
    this.#first.resolve();
    const { lookUpEvery } = this.#ports;
    const wait = typeof found === 'string' ? Math.min(lookUpAgain, lookUpEvery) : lookUpEvery;
    this.#timer = setTimeout(() => void this.#lookUp(), wait).unref();
  }

  /** In order, or why there are none. Never throws: whatever DNS says, it ends nothing. */
  async #ask(): Promise<Answer | string> {
    try {
      const records = await lookUpServers(this.#domain, this.#ports.resolveSrv);
      const urls = urlsOf(records, this.#domain, this.#ports.random);
      if (urls.length > 0) return { targets: targetsOf(urls, this.#caBundle), said: textOf(records) };
      return records.length === 0 ? 'ENOTFOUND' : 'only names outside of the domain';
    } catch (error) {
      return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    }
  }

  /** As long as DNS says the same, the order stays: by chance it would be another one each time. */
  #take({ targets, said }: Answer): void {
    if (said === this.#known) return;
    const before = this.#members;
    this.#members = new Map(targets.map((target) => [target.url, before.get(target.url) ?? this.#ports.make(target)]));
    for (const [url, server] of before) if (!this.#members.has(url)) server.close();
    this.#known = said;
    this.problem = null;
  }

  #nothingFound(why: string): TargetProblem {
    const names = `_ldaps._tcp.${this.#domain} and _ldap._tcp.${this.#domain}`;
    return new TargetProblem('servers', `DNS names no server in ${names} (${why}). Check spec.srv.domain and DNS`);
  }
}
