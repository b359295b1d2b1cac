import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../server/src/store/database.ts';
import { type ServiceBindStore, serviceBindStore } from '../../server/src/store/service-binds.ts';
import { type Backend, sql } from './backend.ts';

/** A46: of all replicas one tries an unknown service password, and one that was refused is not tried again. */
export function serviceBindSuite(name: string, backend: () => Promise<Backend>): void {
  describe(`service binds on ${name}`, () => {
    let open: Backend;
    let database: Database;
    let store: ServiceBindStore;
    let directory: string;
    const first = randomBytes(32);
    const second = randomBytes(32);
    const stateOf = async (fingerprint: Buffer) => (await store.claim(directory, fingerprint)).state;
    const settle = (fingerprint: Buffer, outcome: 'accepted' | 'refused' | 'undecided') =>
      store.settle(directory, fingerprint, outcome, 'ldaps://one');

    beforeAll(async () => {
      open = await backend();
      ({ database } = await open.open());
      store = serviceBindStore(database);
    });
    beforeEach(() => {
      directory = `shop/${randomBytes(6).toString('hex')}`;
    });
    afterAll(() => open.close());

    it('50 at once: one claims, all others wait', async () => {
      const answers = await Promise.all(Array.from({ length: 50 }, () => stateOf(first)));
      expect(answers.filter((state) => state === 'claimed')).toHaveLength(1);
      expect(answers.filter((state) => state === 'wait')).toHaveLength(49);
    });

    it('accepted: it is tried by one at a time, and the others hear that it worked before', async () => {
      await stateOf(first);
      await settle(first, 'accepted');
      for (const outcome of ['accepted', 'undecided'] as const) {
        const answers = await Promise.all([stateOf(first), stateOf(first), stateOf(first)]);
        expect(answers.toSorted()).toEqual(['claimed', 'confirming', 'confirming']);
        await settle(first, outcome);
      }
      expect(await stateOf(first)).toBe('claimed');
    });

    it('refused: nobody may, and who refused is told', async () => {
      await stateOf(first);
      await settle(first, 'refused');
      for (let round = 0; round < 3; round += 1) {
        expect(await store.claim(directory, first)).toEqual({ state: 'refused', server: 'ldaps://one' });
      }
    });

    it('accepted once and refused later: refused', async () => {
      await settle(first, 'accepted');
      await settle(first, 'refused');
      expect(await stateOf(first)).toBe('refused');
    });

    it('undecided: the next one tries; it never undoes a decision', async () => {
      await stateOf(first);
      await settle(first, 'undecided');
      expect(await stateOf(first)).toBe('claimed');
      await settle(first, 'refused');
      await settle(first, 'undecided');
      expect(await stateOf(first)).toBe('refused');
    });

    it('a claim whose holder died ends by itself', async () => {
      await stateOf(first);
      await sql(
        database,
        `UPDATE service_binds SET claimed_until = now() + interval '20 milliseconds' WHERE directory = $1`,
        [directory],
      );
      await sleep(50);
      const answers = await Promise.all([stateOf(first), stateOf(first), stateOf(first)]);
      expect(answers.toSorted()).toEqual(['claimed', 'wait', 'wait']);
    });

    it('passwords and directories are apart; an accepted one forgets those before it', async () => {
      await settle(first, 'refused');
      expect(await stateOf(second)).toBe('claimed');
      expect(await stateOf(first)).toBe('refused');
      await settle(second, 'accepted');
      expect(await stateOf(first)).toBe('claimed');
      directory = `${directory}-other`;
      expect(await stateOf(second)).toBe('claimed');
    });
  });
}
