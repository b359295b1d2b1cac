import { createSecretKey } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createDirectories } from '../../../server/src/directory/directories.ts';
import { defaultLimits, leftOf } from '../../../server/src/directory/limits.ts';
import { epochSeconds } from '../../../server/src/protocol/time.ts';
import { silentLog } from '../../../server/src/telemetry/log.ts';
import { bindAnswer, doneAnswer } from '../../support/ber.ts';
import { carelessLedger, DirectorySnapshots, never, registrationOf } from '../../support/directories.ts';
import { type ScriptedServer, startScriptedLdap } from '../../support/scripted-ldap.ts';

describe('F10: how long whoever signs in waits for a directory', () => {
  it('is 3 seconds in all, and 2 for one look', () => {
    expect(defaultLimits).toEqual({ login: 3000, lookup: 2000 });
  });

  it.each([
    [0, 3000],
    [1200, 1800],
    [2000, 1000],
    [3000, 0],
    [3001, 0],
    [60_000, 0],
  ])('a search of %i ms leaves %i to the password: never more than that in all', (spent, left) => {
    expect(leftOf(defaultLimits, spent)).toBe(left);
  });
});

describe('what a question is given', () => {
  /** Every limit that was set, which none of them ends. */
  const given: number[] = [];
  afterEach(() => {
    vi.restoreAllMocks();
    vi.useRealTimers();
    given.splice(0);
  });

  const open = (server: ScriptedServer) => {
    vi.spyOn(AbortSignal, 'timeout').mockImplementation((milliseconds) => {
      given.push(milliseconds);
      return never;
    });
    vi.useFakeTimers({ toFake: ['performance'] });
    const snapshots = new DirectorySnapshots();
    const described = { url: server.url, caPem: server.caPem, bindDn: 'cn=reader', bindPassword: 'x', baseDn: 'dc=x' };
    snapshots.set({ people: registrationOf(described) });
    return createDirectories({
      snapshots,
      serviceBinds: carelessLedger,
      fingerprintKey: createSecretKey(Buffer.alloc(32, 1)),
      clock: { now: () => epochSeconds(0) },
      log: silentLog,
    });
  };

  it('by default: a look 2 seconds, the password what the search before it has left of 3', async () => {
    await using server = await startScriptedLdap();
    server.answer(({ id, operation, socket }) => {
      if (operation === 'bind') socket.write(bindAnswer(id, 0));
      if (operation !== 'search') return;
      vi.advanceTimersByTime(1200);
      socket.write(doneAnswer(id, 0));
    });
    const directories = open(server);
    try {
      expect(await directories.lookup({ directory: 'shop/people', entryId: 'somebody' }, never)).toBe(null);
      expect(given[0]).toBe(defaultLimits.lookup);
      given.splice(0);
      const candidate = await directories.find('nobody', never);
      expect(given[0]).toBe(defaultLimits.lookup);
      given.splice(0);
      expect(await directories.authenticate(candidate, 'a password', never)).toMatchObject({ outcome: 'rejected' });
      expect(given[0]).toBe(leftOf(defaultLimits, 1200));
    } finally {
      directories.stop();
    }
  });
});
