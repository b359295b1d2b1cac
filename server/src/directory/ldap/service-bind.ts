/**
 * The bind as service account. A password that a directory refused is not tried again by any replica until it changes:
 * every try counts against the account, and a locked service account locks everybody out.
 */
import { createHmac, type KeyObject } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DirectoryRegistration } from '../../registry/registration.ts';

/** What all replicas know of a directory's service password; kept in Postgres. */
export interface ServiceBindLedger {
  /**
   * `accepted`: it worked before. `claimed`: nobody has tried, and the caller does now, within 5 s. `wait`: somebody else
   * is trying. `refused`, and by which server.
   */
  claim(
    directory: string,
    fingerprint: Buffer,
  ): Promise<
    { readonly state: 'accepted' | 'claimed' | 'wait' } | { readonly state: 'refused'; readonly server: string }
  >;
  /** `undecided` gives a claim back. */
  settle(
    directory: string,
    fingerprint: Buffer,
    outcome: 'accepted' | 'refused' | 'undecided',
    server: string,
  ): Promise<void>;
}

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

/** @param key equal on all replicas: what is stored must not let anybody guess passwords */
export function createServiceBindGate(
  directory: string,
  registration: Pick<DirectoryRegistration, 'bind_dn' | 'bind_password' | 'servers'>,
  ledger: ServiceBindLedger,
  key: KeyObject,
): ServiceBindGate {
  const { bind_dn, bind_password, servers } = registration;
  const fingerprint = createHmac('sha256', key)
    .update(JSON.stringify([bind_dn, bind_password, servers.toSorted()]))
    .digest();

  const mayTry = async (signal: AbortSignal): Promise<'accepted' | 'claimed'> => {
    for (;;) {
      const answer = await ledger.claim(directory, fingerprint);
      if (answer.state === 'refused') throw new ServiceBindRefused(answer.server);
      if (answer.state !== 'wait') return answer.state;
      await sleep(pollEvery, undefined, { signal });
    }
  };

  return {
    async pass(server, bind, signal) {
      const state = await mayTry(signal);
      let code: number;
      try {
        code = await bind();
      } catch (error) {
        if (state === 'claimed') await ledger.settle(directory, fingerprint, 'undecided', server);
        throw error;
      }
      if (code === invalidCredentials) {
        await ledger.settle(directory, fingerprint, 'refused', server);
        throw new ServiceBindRefused(server);
      }
      if (state === 'claimed')
        await ledger.settle(directory, fingerprint, code === 0 ? 'accepted' : 'undecided', server);
      if (code !== 0) throw new ServiceBindFailed(code);
    },
  };
}
