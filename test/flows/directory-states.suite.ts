/** Vendor × state against the real servers: what the entry shows, and what a sign-in with the right password is told. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AccountState, AccountWarning, AuthenticationOutcome } from '../../server/src/directory/directory.ts';
import type { DirectoryRegistration } from '../../server/src/registry/registration.ts';
import { never, openDirectories, type TestDirectories } from '../support/directories.ts';
import { authorizePath, signIn, World, webApp } from '../support/world.ts';

export interface Case {
  readonly title: string;
  /** LDIF that brings the state about, and that takes it back. */
  readonly set: string;
  readonly clear: string;
  /** The password is three days old. */
  readonly oldPassword?: true;
  /** Wrong passwords that are tried first. */
  readonly wrongTries?: number;
  /** What the entry shows before anybody binds, and what a later look at it shows when that differs. */
  readonly found: AccountState;
  readonly foundAfter?: AccountState;
  /** What the search of a sign-in sees of it, where that is less: it reads no policy, so that its work tells nothing. */
  readonly seenBySignIn?: 'credentials';
  /** `null`: let in. */
  readonly told: Exclude<AccountState, 'active'> | 'credentials' | null;
  readonly warnings?: readonly AccountWarning[];
}

export interface Running {
  readonly registration: DirectoryRegistration;
  modify(ldif: string): Promise<void>;
  agePassword?(): Promise<void>;
  close(): Promise<void>;
}

export interface Vendor {
  readonly name: string;
  start(): Promise<Running>;
  readonly password: string;
  readonly cases: readonly Case[];
}

/** What is read by whoever typed the right password, and is not let in. */
const words = {
  credentials: 'Username or password is not right.',
  locked: 'Your account cannot be used at this time.',
  disabled: 'Your account is switched off.',
  expired: 'Your account has expired.',
  outside_hours: 'Your account cannot be used at this time.',
  must_change_password: 'Your password has expired. Ask your administrator for a new one.',
  password_expired: 'Your password has expired. Ask your administrator for a new one.',
} as const;

export function accountStates(vendor: Vendor): void {
  const { name: vendorName, password, cases } = vendor;
  describe(`account states of ${vendorName}`, () => {
    let people: TestDirectories;
    let running: Running;
    let world: World;
    beforeAll(async () => {
      running = await vendor.start();
      people = openDirectories({ people: running.registration });
      world = await World.open({
        clients: [
          webApp(),
          webApp('shop.known', { consent: { mode: 'implicit', remember_for: 1, on_refused_scope: 'drop' } }),
        ],
        directory: 'registered',
        directories: { 'shop/people': running.registration },
      });
    });
    afterAll(async () => {
      await world?.stop();
      await people?.[Symbol.asyncDispose]();
      await running?.close();
    });

    const right = () => people.login('zoe', password);
    const toldBy = (outcome: AuthenticationOutcome) => (outcome.outcome === 'accepted' ? null : outcome.reason);
    const modify = (ldif: string) => (ldif === '' ? Promise.resolve() : running.modify(ldif));

    /** Where a sign-in ends, or what is read there, and what the audit says of it. */
    const signsIn = async (typed: string, clientId = 'shop.web') => {
      await world.rows('TRUNCATE login_attempts, audit');
      const { problem, name } = await signIn(world.browser(), authorizePath({ client_id: clientId }), 'zoe', typed);
      const rows = await world.rows(`SELECT event, outcome, reason FROM audit WHERE event LIKE 'login.%'`);
      return [problem ?? name, ...rows];
    };

    it.each(cases)('$title: shows $found, tells $told', async (one) => {
      const { entryId } = await people.user('zoe');
      await modify(one.set);
      if (one.oldPassword === true) await running.agePassword?.();
      try {
        for (let round = 0; round < (one.wrongTries ?? 0); round += 1) await people.login('zoe', 'wrong');
        // An age of a second has to pass.
        await expect.poll(async () => (await people.user('zoe')).account).toBe(one.found);
        let outcome = await right();
        if (toldBy(outcome) !== one.told) {
          await expect.poll(async () => toldBy((outcome = await right()))).toBe(one.told);
        }
        if (one.warnings !== undefined) {
          await expect
            .poll(async () => ((outcome = await right()).outcome === 'accepted' ? outcome.user?.warnings : null))
            .toEqual(one.warnings);
        }
        const later = await people.port.lookup({ directory: 'shop/people', entryId }, never);
        expect(later?.account).toBe(one.foundAfter ?? one.found);
        expect(await people.login('zoe', 'wrong')).toEqual({ outcome: 'rejected', reason: 'credentials' });

        // On the page: words for people, which say no more to strangers, and the state itself in the audit.
        const failed = (reason: string) => ({ event: 'login.failed', outcome: 'refused', reason });
        const succeeded = { event: 'login.succeeded', outcome: 'success', reason: one.warnings?.[0] ?? null };
        const shown = one.seenBySignIn ?? (later?.account === 'active' ? 'credentials' : (later?.account ?? ''));
        const seen =
          one.told === null
            ? ['consent', succeeded]
            : [words[one.told], failed(one.told === 'credentials' ? shown : one.told)];
        await expect.poll(() => signsIn(password)).toEqual(seen);
        // Also where one row tells of the sign-in and of what was given.
        if (one.warnings !== undefined)
          await expect.poll(() => signsIn(password, 'shop.known')).toEqual(['continue', succeeded]);
        expect(await signsIn('wrong')).toEqual([words.credentials, failed(shown)]);
      } finally {
        await modify(one.clear);
      }
      await expect.poll(async () => toldBy(await right())).toBeNull();
    });
  });
}
