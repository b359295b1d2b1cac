/**
 * The bind as service account. A password that a directory refused is not tried again by any replica until it changes:
 * every try counts against the account, and a locked service account locks everybody out.
 */
import { createHmac, type KeyObject } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DirectoryRegistration } from '../../registry/registration.ts';

/** What all replicas know of a directory's service password; kept in Postgres. */
export interface ServiceBindLedger {
  claim(directory: string, fingerprint: Buffer): Promise<ServiceBindClaim>;
  /** Ends a claim; `undecided` gives it back. */
  settle(
    directory: string,
    fingerprint: Buffer,
    outcome: 'accepted' | 'refused' | 'undecided',
    server: string,
  ): Promise<void>;
}

/**
 * `claimed`: the caller tries now, within 5 s, and nobody else does. `wait`: somebody else is trying. `confirming`: as
 * `wait`, of a password that worked before. `accepted`: it works, and nobody need wait. `refused`, and by which server.
 */
export type ServiceBindClaim =
  | { readonly state: 'claimed' | 'wait' | 'confirming' | 'accepted' }
  | { readonly state: 'refused'; readonly server: string };

/** The service account may not sign in; no server of this directory is asked until its password changes. */
export class ServiceBindRefused extends Error {
  readonly code = 'service_bind_refused';
  /** URL of the server that refused. */
  readonly server: string;
  constructor(server: string) {
    super('the service account was refused');
    this.server = server;
  }
}

/** The bind ended with a result that says nothing about the password. */
export class ServiceBindFailed extends Error {
  readonly code = 'service_bind_failed';
  readonly resultCode: number;
  constructor(resultCode: number) {
    super(`the service account's bind ended with result code ${resultCode}`);
    this.resultCode = resultCode;
  }
}

export interface ServiceBindGate {
  /**
   * @param bind the bind itself; its result code
   * @throws ServiceBindRefused, ServiceBindFailed, what `bind` or the ledger throws, or the signal's reason
   */
  pass(server: string, bind: () => Promise<number>, signal: AbortSignal): Promise<void>;
}

const invalidCredentials = 49;
const pollEvery = 50;
/** So often, and no longer, is waited for somebody to confirm a password that worked before: a hung server confirms none. */
const mostPolls = 10;

/**
 * A password is tried by one bind of all replicas at a time, also one that worked before: where it was changed in the
 * directory alone, that one bind is the only one. Who waited in this process while it succeeded goes on without another.
 *
 * @param key equal on all replicas: what is stored must not let anybody guess passwords
 */
export function createServiceBindGate(
  directory: string,
  registration: Pick<DirectoryRegistration, 'bind_dn' | 'bind_password' | 'servers' | 'srv_domain'>,
  ledger: ServiceBindLedger,
  key: KeyObject,
): ServiceBindGate {
  const { bind_dn, bind_password, servers, srv_domain } = registration;
  const where = srv_domain === undefined ? servers.toSorted() : [`srv ${srv_domain}`];
  const fingerprint = createHmac('sha256', key)
    .update(JSON.stringify([bind_dn, bind_password, where]))
    .digest();
  /** The bind of this process that decides for all; `true`: it succeeded. */
  let deciding: Promise<boolean> | null = null;

  const mayTry = async (signal: AbortSignal): Promise<'claimed' | 'free'> => {
    const pause = () => sleep(pollEvery, false, { signal });
    for (let polls = 0; ; polls += 1) {
      if (deciding !== null && polls < mostPolls) {
        const proven = await Promise.race([deciding, pause()]);
        if (proven) return 'free';
        continue;
      }
      const answer = await ledger.claim(directory, fingerprint);
      if (answer.state === 'refused') throw new ServiceBindRefused(answer.server);
      if (answer.state === 'claimed') return 'claimed';
      if (answer.state === 'accepted' || (answer.state === 'confirming' && polls >= mostPolls)) return 'free';
      await pause();
    }
  };

  const settle = (outcome: 'accepted' | 'refused' | 'undecided', server: string) =>
    ledger.settle(directory, fingerprint, outcome, server);

  const decide = async (server: string, bind: () => Promise<number>): Promise<number> => {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    deciding = promise;
    let code: number | undefined;
    try {
      code = await bind();
      return code;
    } finally {
      const outcome = code === 0 ? 'accepted' : code === invalidCredentials ? 'refused' : 'undecided';
      await settle(outcome, server).finally(() => {
        if (deciding === promise) deciding = null;
        resolve(code === 0);
      });
    }
  };

  return {
    async pass(server, bind, signal) {
      const mine = (await mayTry(signal)) === 'claimed';
      const code = await (mine ? decide(server, bind) : bind());
      if (code === invalidCredentials) {
        if (!mine) await settle('refused', server);
        throw new ServiceBindRefused(server);
      }
      if (code !== 0) throw new ServiceBindFailed(code);
    },
  };
}
