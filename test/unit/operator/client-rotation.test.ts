/** I12: client secret rotation breaks no application. Each case is the life of one Client’s secret, pass by pass. */
import { describe, expect, it } from 'vitest';
import {
  judgeRetirement,
  type RetirementFacts,
  rotationTimes,
} from '../../../operator/src/controllers/client/rotation.ts';
import { digestOf } from '../../../operator/src/controllers/client/secret.ts';
import { observed } from './resources.ts';
import { hour, Life, t0 } from './secret-life.ts';

const day = 24 * hour;
const digests = (...values: readonly string[]) => values.map(digestOf);
const reasons = ({ events }: Life) => events.map(({ reason }) => reason);
const ask = (life: Life, what: string, value = '1') => {
  life.annotations[`auth.nauthera.io/${what}`] = value;
};

/** One that was written and is served. */
function life(spec: Record<string, unknown> = {}): Life {
  const one = new Life(spec);
  one.settle();
  one.events.length = 0;
  return one;
}

describe('when an old secret ends', () => {
  const times = { overlap: 2 * hour, quiet: 24 * hour };
  const judge = (more: Partial<RetirementFacts> & { readonly at: number; readonly usedAt?: number }) => {
    const { at, usedAt, ...facts } = more;
    const now = t0 + at;
    const use = { now, knownUntil: now, ...(usedAt === undefined ? {} : { usedAt: t0 + usedAt }) };
    return judgeRetirement({ supersededAt: t0, now, times, use, ...facts });
  };

  it.each([
    [
      'before the overlap is over nothing ends',
      judge({ at: 2 * hour - 1 }),
      { retire: 'not yet', again: 1, inUse: false },
    ],
    [
      'overlap alone is not enough: quiet is counted from the rotation',
      judge({ at: 2 * hour }),
      { retire: 'not yet', again: 23 * hour, inUse: false },
    ],
    ['never used since, for quiet and a twenty-fourth of it', judge({ at: 25 * hour }), { retire: 'unused' }],
    [
      'a daily job that comes an hour late is no reason to end',
      judge({ at: 25 * hour - 1 }),
      { retire: 'not yet', again: 1_000, inUse: false },
    ],
    [
      'used: quiet is counted from the last use',
      judge({ at: 40 * hour, usedAt: 20 * hour }),
      { retire: 'not yet', again: 5 * hour, inUse: true },
    ],
    ['used, and quiet since', judge({ at: 45 * hour, usedAt: 20 * hour }), { retire: 'unused' }],
    [
      'a replica that died may have seen one',
      judge({ at: 40 * hour, use: { now: t0 + 40 * hour, knownUntil: t0 + 40 * hour, unseenAt: t0 + 39 * hour } }),
      { retire: 'not yet', again: 24 * hour, inUse: false },
    ],
    [
      'what the replicas saw last is not known yet',
      judge({ at: 25 * hour, use: { now: t0 + 25 * hour, knownUntil: t0 + 25 * hour - 1 } }),
      { retire: 'not yet', again: 1_000, inUse: false },
    ],
    ['nobody was asked', judge({ at: 25 * hour, use: undefined }), { retire: 'not yet', again: 1_000, inUse: false }],
    [
      'an operator whose clock is a year ahead ends nothing that was used',
      judge({ at: 365 * day, use: { now: t0 + 3 * hour, knownUntil: t0 + 3 * hour, usedAt: t0 + 3 * hour } }),
      { retire: 'not yet', again: 25 * hour, inUse: true },
    ],
    [
      'maxOverlap ends it whatever uses it',
      judge({ at: 48 * hour, usedAt: 48 * hour, times: { ...times, maxOverlap: 48 * hour } }),
      { retire: 'maxOverlap' },
    ],
    [
      'and is not slept over',
      judge({ at: 47 * hour, usedAt: 47 * hour, times: { ...times, maxOverlap: 48 * hour } }),
      { retire: 'not yet', again: hour, inUse: true },
    ],
  ])('%s', (_, verdict, expected) => {
    expect(verdict).toEqual(expected);
  });

  it('what a Client says, and what holds where it says nothing', () => {
    expect(rotationTimes(observed('Client', 'web').spec)).toEqual({ overlap: day, quiet: day });
    const rotation = { every: '2160h', overlap: '1h', quiet: '168h', maxOverlap: '720h' };
    expect(rotationTimes(observed('Client', 'web', { secret: { rotation } }).spec)).toEqual({
      every: 90 * day,
      overlap: hour,
      quiet: 7 * day,
      maxOverlap: 30 * day,
    });
  });
});

describe('rotation', () => {
  it('on demand: accepted everywhere, then written; the old one is accepted until it is out of use', () => {
    const one = life();
    ask(one, 'rotate-secret');
    one.served = false;
    expect(one.pass()).toMatchObject({ writes: [], waits: true, digests: digests('secret 2', 'secret 1') });
    expect(one.pass()).toMatchObject({ writes: [], waits: true, digests: digests('secret 2', 'secret 1') });
    expect(one.known).toMatchObject([{ state: 'Current' }]);
    expect([one.value(), one.lastHandled]).toEqual(['secret 1', {}]);
    one.served = true;
    one.pass();
    expect([one.value(), one.digests]).toEqual(['secret 2', digests('secret 2', 'secret 1')]);
    expect(one.known.map(({ state }) => state)).toEqual(['Current', 'Retiring']);
    expect(one.lastHandled).toEqual({ 'auth.nauthera.io/rotate-secret': '1' });
    expect(one.settle()).toMatchObject({ writes: [], wakeIn: day });
    one.now += day;
    one.use = { usedAt: t0 + 23 * hour };
    expect(one.pass()).toMatchObject({
      digests: digests('secret 2', 'secret 1'),
      blocked: { reason: 'OldSecretInUse' },
    });
    one.now = t0 + 48 * hour;
    const last = one.pass();
    expect(last).toMatchObject({ digests: digests('secret 2'), notes: undefined });
    // Nothing but what it remembers of the old one.
    expect(last.writes).toMatchObject([{ write: 'update', next: { data: { 'client-secret': 'secret 2' } } }]);
    expect(one.settle().writes).toEqual([]);
    expect(last).not.toHaveProperty('blocked');
    expect(reasons(one)).toEqual(['SecretRotated', 'OldSecretRetired']);
    expect(one.events[1]?.note).toBe('the old secret is no longer accepted: it was not used for 24h');
    expect(one.revocations).toBe(0);
  });

  it('on schedule, and the next one only after the one before has come to its end', () => {
    const one = life({ secret: { rotation: { every: '48h', quiet: '1h' } } });
    expect(one.pass().wakeIn).toBe(day);
    one.now = t0 + 2 * day - 1;
    expect(one.pass()).toMatchObject({ wakeIn: 1, keepsFresh: false });
    one.now = t0 + 2 * day;
    one.settle();
    expect(one.value()).toBe('secret 2');
    // Long overdue, but what was replaced is used still.
    one.now = t0 + 9 * day;
    one.use = { usedAt: one.now };
    expect(one.settle()).toMatchObject({ digests: digests('secret 2', 'secret 1'), wakeIn: hour + hour / 24 });
    one.now += 2 * hour;
    expect(one.pass()).toMatchObject({ digests: digests('secret 2'), wakeIn: 0 });
    one.use = {};
    one.settle();
    expect([one.value(), one.digests]).toEqual(['secret 3', digests('secret 3', 'secret 2')]);
  });

  it('a clock that is put ten years forward replaces a secret once and ends none; put back, nothing more happens', () => {
    const one = life({ secret: { rotation: { every: '720h' } } });
    // The database, which says what is in use, has another clock.
    one.use = { now: t0 + hour, knownUntil: t0 + hour };
    for (const at of [3_650 * day, 3_650 * day + 3 * hour, 3_651 * day, hour, 2 * hour]) {
      one.now = t0 + at;
      one.settle();
      expect(reasons(one)).toEqual(['SecretRotated']);
      expect(one.digests).toEqual(digests('secret 2', 'secret 1'));
    }
  });

  it('asked for while one is under way: after it, never with three secrets', () => {
    const one = life();
    ask(one, 'rotate-secret');
    one.settle();
    ask(one, 'rotate-secret', '2');
    expect(one.settle()).toMatchObject({
      digests: digests('secret 2', 'secret 1'),
      open: { rotate: expect.anything() },
    });
    one.now += 2 * day;
    one.settle();
    expect(one.settle()).toMatchObject({ digests: digests('secret 3', 'secret 2'), open: {} });
    expect(one.lastHandled).toEqual({ 'auth.nauthera.io/rotate-secret': '2' });
  });

  it.each(['after the Secret', 'after the registration'] as const)(
    'F34: a crash %s was written rotates it once',
    (crash) => {
      const one = life();
      ask(one, 'rotate-secret');
      one.pass();
      one.pass(crash);
      expect(one.value()).toBe('secret 2');
      one.settle();
      expect([one.value(), one.digests]).toEqual(['secret 2', digests('secret 2', 'secret 1')]);
      // A status that was lost, as in a folder after a restart, asks for nothing again.
      one.lastHandled = {};
      one.known = [];
      one.settle();
      expect([one.value(), one.digests]).toEqual(['secret 2', digests('secret 2', 'secret 1')]);
    },
  );

  it('a crash before anything was written leaves nobody’s secret behind', () => {
    const one = life();
    ask(one, 'rotate-secret');
    one.pass('after the registration');
    expect(one.digests).toEqual(digests('secret 2', 'secret 1'));
    one.settle();
    expect([one.value(), one.digests]).toEqual(['secret 3', digests('secret 3', 'secret 1')]);
  });

  it('a Secret that is deleted is written with a new secret; the old one is accepted until it is out of use', () => {
    const one = life();
    one.secrets.clear();
    expect(one.pass()).toMatchObject({ writes: [], digests: digests('secret 2', 'secret 1') });
    expect(one.known).toMatchObject([{ state: 'Current' }]);
    one.settle();
    expect([one.value(), one.digests]).toEqual(['secret 2', digests('secret 2', 'secret 1')]);
    expect(reasons(one)).toEqual(['SecretRecreated']);
    one.now += 25 * hour;
    one.pass();
    expect(one.digests).toEqual(digests('secret 2'));
  });

  it('never has more than two accepted: deleted twice, the older one ends', () => {
    const one = life();
    for (const _ of [1, 2]) {
      one.secrets.clear();
      one.settle();
    }
    expect(one.digests).toEqual(digests('secret 3', 'secret 2'));
  });

  it('under a new name it keeps its secret; the former Secret goes after overlap', () => {
    const rotation = { overlap: '2h' };
    const one = life({ secret: { rotation } });
    one.spec = { secret: { name: 'login', rotation } };
    one.settle();
    expect([one.value(), one.value('web-oauth2'), one.digests]).toEqual(['secret 1', 'secret 1', digests('secret 1')]);
    one.now += 2 * hour - 1_000;
    expect(one.settle().wakeIn).toBe(1_000);
    one.now += 1_000;
    one.settle();
    expect([...one.secrets.keys()]).toEqual(['login']);
  });

  it('a registration that is lost comes back with both; a revoked secret does not', () => {
    const one = life();
    ask(one, 'rotate-secret');
    one.settle();
    const { digests: both, notes } = one;
    [one.digests, one.notes] = [[], undefined];
    one.settle();
    expect([one.digests, one.notes]).toEqual([both, notes]);
    ask(one, 'revoke-old-secret');
    one.settle();
    [one.digests, one.notes] = [[], undefined];
    one.settle();
    expect(one.digests).toEqual(digests('secret 2'));
  });

  describe('a secret that is out of use', () => {
    const outOfUse = (): Life => {
      const one = life();
      ask(one, 'rotate-secret');
      one.settle();
      return one;
    };
    const remembered = (one: Life) =>
      [...one.secrets.values()].flatMap(({ annotations }) => Object.values(annotations));

    it('does not come back where the registration is lost, is of a backup, or goes to another server', () => {
      const one = outOfUse();
      const backup = [one.digests, one.notes] as const;
      expect(remembered(one).join()).toContain(digestOf('secret 1'));
      one.now += 26 * hour;
      one.settle();
      expect(reasons(one)).toEqual(['SecretRotated', 'OldSecretRetired']);
      expect(remembered(one).join()).not.toContain(digestOf('secret 1'));
      for (const [stored, notes] of [[[], undefined], backup, [digests('secret 1'), undefined]] as const) {
        [one.digests, one.notes] = [stored, notes];
        one.settle();
        expect(one.digests).toEqual(digests('secret 2'));
      }
    });

    it('is forgotten in an immutable Secret too, whose content stays', () => {
      const one = outOfUse();
      const [secret] = one.secrets.values();
      if (secret === undefined) throw new Error('nothing was written');
      one.secrets.set(secret.name, { ...secret, immutable: true });
      one.now += 26 * hour;
      expect(one.settle()).not.toHaveProperty('blocked');
      expect(remembered(one).join()).not.toContain(digestOf('secret 1'));
      expect(one.value()).toBe('secret 2');
    });

    it('is forgotten under the older name too', () => {
      const one = outOfUse();
      one.spec = { secret: { name: 'login' } };
      one.settle();
      expect(one.secrets.get('web-oauth2')?.annotations).not.toHaveProperty(['auth.nauthera.io/former-secret']);
      expect(remembered(one).join()).toContain(digestOf('secret 1'));
      expect(one.digests).toEqual(digests('secret 2', 'secret 1'));
    });
  });

  describe('a secret that is accepted still', () => {
    it.each<[string, readonly string[]]>([
      ['is lost', []],
      ['is from before the rotation', digests('secret 2')],
      ['is from before the one before', digests('secret 1')],
    ])('stays accepted where the registration %s, and has its time to be seen in use again', (_what, stored) => {
      const one = life();
      for (const round of ['1', '2']) {
        ask(one, 'rotate-secret', round);
        one.settle();
        if (round === '1') one.now += 26 * hour;
        one.settle();
      }
      expect(one.digests).toEqual(digests('secret 3', 'secret 2'));
      one.now += 40 * day;
      [one.digests, one.notes, one.use] = [stored, undefined, {}];
      expect(one.settle().digests).toEqual(digests('secret 3', 'secret 2'));
      one.now += 24 * hour;
      one.use = { usedAt: one.now - hour };
      expect(one.settle().digests).toEqual(digests('secret 3', 'secret 2'));
      one.now += 2 * day;
      expect(one.settle().digests).toEqual(digests('secret 3'));
    });

    it('ends by maxOverlap when it would have ended, however often the registration is lost', () => {
      const one = life({ secret: { rotation: { maxOverlap: '72h' } } });
      ask(one, 'rotate-secret');
      one.settle();
      for (const hours of [30, 30, 11]) {
        one.now += hours * hour;
        [one.digests, one.notes] = [[], undefined];
        one.use = { usedAt: one.now };
        expect(one.settle().digests).toEqual(digests('secret 2', 'secret 1'));
      }
      one.now += hour;
      expect(one.settle().digests).toEqual(digests('secret 2'));
    });
  });

  it('an immutable Secret is left alone and told of; deleted, it is rewritten', () => {
    const one = life();
    const [secret] = one.secrets.values();
    if (secret === undefined) throw new Error('nothing was written');
    one.secrets.set(secret.name, { ...secret, immutable: true });
    expect(one.pass()).not.toHaveProperty('blocked');
    ask(one, 'rotate-secret');
    expect(one.pass()).toMatchObject({
      writes: [],
      digests: digests('secret 1'),
      blocked: { reason: 'SecretImmutable' },
      waits: false,
    });
    one.secrets.clear();
    one.settle();
    expect([one.value(), one.digests]).toEqual(['secret 2', digests('secret 2', 'secret 1')]);
  });

  it('a timer is never set for longer than it can be', () => {
    expect(life({ secret: { rotation: { every: '43800h' } } }).pass().wakeIn).toBe(day);
  });
});

describe('a secret that leaked', () => {
  it('revoke-old-secret ends the old one and what was obtained, and is done when no replica accepts it', () => {
    const one = life();
    ask(one, 'rotate-secret');
    one.settle();
    ask(one, 'revoke-old-secret');
    one.served = false;
    one.use = { usedAt: one.now };
    expect(one.pass()).toMatchObject({ digests: digests('secret 2'), revokes: true, waits: true });
    expect(one.pass()).toMatchObject({ revokes: false, waits: true });
    expect(one.lastHandled).not.toHaveProperty(['auth.nauthera.io/revoke-old-secret']);
    one.served = true;
    // What a replica gave for it meanwhile ends too.
    expect(one.pass()).toMatchObject({ revokes: true, waits: false, open: {} });
    expect(one.revocations).toBe(2);
    expect(one.lastHandled).toHaveProperty(['auth.nauthera.io/revoke-old-secret'], '1');
    expect(reasons(one)).toEqual(['SecretRotated', 'OldSecretRetired']);
    // Also where no status remembers it.
    one.lastHandled = {};
    one.settle();
    expect(one.revocations).toBe(2);
  });

  it('asked for together with a new one: the one in force is replaced, then it ends', () => {
    const one = life();
    ask(one, 'rotate-secret');
    ask(one, 'revoke-old-secret');
    one.settle();
    expect([one.value(), one.digests]).toEqual(['secret 2', digests('secret 2')]);
    expect(Object.keys(one.lastHandled)).toHaveLength(2);
    expect(one.notes?.revoked).toEqual(digests('secret 1'));
  });

  it('asked for together with a new one while an older one is accepted: both end', () => {
    const one = life();
    ask(one, 'rotate-secret');
    one.settle();
    ask(one, 'rotate-secret', '2');
    ask(one, 'revoke-old-secret', '2');
    one.settle();
    expect([one.value(), one.digests]).toEqual(['secret 3', digests('secret 3')]);
    expect(one.notes?.revoked).toEqual(digests('secret 2', 'secret 1'));
  });

  it('revoke-all-secrets ends all of them at once and writes a new one when every replica accepts it', () => {
    const one = life();
    ask(one, 'rotate-secret');
    one.settle();
    ask(one, 'revoke-all-secrets');
    one.served = false;
    expect(one.pass()).toMatchObject({ writes: [], digests: digests('secret 3'), revokes: true, waits: true });
    expect([one.value(), one.known]).toEqual(['secret 2', []]);
    one.served = true;
    one.settle();
    expect([one.value(), one.digests, one.revocations]).toEqual(['secret 3', digests('secret 3'), 2]);
    expect(one.notes).toMatchObject({
      revoked: digests('secret 2', 'secret 1'),
      handled: { revoke_all: expect.anything() },
    });
    one.lastHandled = {};
    one.known = [];
    one.settle();
    expect([one.value(), one.revocations]).toEqual(['secret 3', 2]);
    // Whoever writes a revoked one back gets a new one.
    const [secret] = one.secrets.values();
    if (secret !== undefined)
      one.secrets.set(secret.name, { ...secret, data: { ...secret.data, 'client-secret': 'secret 1' } });
    one.settle();
    expect(one.digests).toEqual(digests('secret 4', 'secret 3'));
  });

  it.each(['after the Secret', 'after the registration'] as const)(
    'a crash %s was written ends nothing twice',
    (crash) => {
      const one = life();
      ask(one, 'revoke-all-secrets');
      one.pass();
      one.pass(crash);
      one.settle();
      expect([one.value(), one.digests]).toEqual(['secret 2', digests('secret 2')]);
    },
  );

  it('in an immutable Secret is refused at once; deleted, the Secret is rewritten', () => {
    const one = life();
    const [secret] = one.secrets.values();
    if (secret === undefined) throw new Error('nothing was written');
    one.secrets.set(secret.name, { ...secret, immutable: true });
    ask(one, 'revoke-all-secrets');
    one.pass();
    one.pass();
    expect(one.digests).not.toContain(digestOf('secret 1'));
    expect(one.pass()).toMatchObject({ writes: [], blocked: { reason: 'SecretImmutable' }, waits: false });
    one.secrets.clear();
    one.settle();
    expect(digests(one.value() ?? '')).toEqual(one.digests.slice(0, 1));
    expect(one.digests).not.toContain(digestOf('secret 1'));
  });

  it('of a Client without a secret: everything that it obtained', () => {
    const keys = { authentication: { method: 'kubernetes_service_account', serviceAccounts: [{ name: 'web' }] } };
    const one = life(keys);
    ask(one, 'rotate-secret');
    ask(one, 'revoke-all-secrets');
    one.settle();
    expect([one.digests, one.revocations]).toEqual([[], 1]);
    expect(Object.keys(one.lastHandled)).toHaveLength(2);
  });
});

describe('an adopted Secret', () => {
  const secret = (digit: number) => ({ outcome: 'usable', name: 'login', value: String(digit).repeat(32) }) as const;
  const of = (...values: readonly number[]) => values.map((digit) => digestOf(secret(digit).value));
  const adopting = (): Life => new Life({ secret: { adopt: 'login' } });

  it('is told of once, and nothing is written', () => {
    const one = adopting();
    expect(one.adoptedPass(secret(1))).toMatchObject({ writes: [], digests: of(1), wakeIn: undefined });
    expect(one.events).toEqual([{ reason: 'SecretAdopted', note: 'Secret "login" is used as it is' }]);
    expect(one.adoptedPass(secret(1)).events).toEqual([]);
  });

  it('that its owner changed is a rotation: the former one is accepted until it is out of use', () => {
    const one = adopting();
    one.adoptedPass(secret(1));
    one.now += hour;
    expect(one.adoptedPass(secret(2))).toMatchObject({ digests: of(2, 1), wakeIn: day });
    one.now += day;
    one.use = { usedAt: one.now - hour };
    expect(one.adoptedPass(secret(2))).toMatchObject({ digests: of(2, 1), blocked: { reason: 'OldSecretInUse' } });
    one.now += day;
    expect(one.adoptedPass(secret(2))).toMatchObject({ digests: of(2), writes: [] });
    expect(reasons(one)).toEqual(['SecretAdopted', 'SecretAdopted', 'OldSecretRetired']);
  });

  it('changed twice, and back: two at most, and time counts anew', () => {
    const one = adopting();
    for (const digit of [1, 2, 3]) one.adoptedPass(secret(digit));
    expect(one.digests).toEqual(of(3, 2));
    one.now += 23 * hour;
    expect(one.adoptedPass(secret(2))).toMatchObject({ digests: of(2, 3), wakeIn: day });
  });

  it('from generated to adopted and back: nobody is cut off', () => {
    const one = life();
    one.spec = { secret: { adopt: 'login' } };
    one.adoptedPass(secret(1));
    expect(one.digests).toEqual([...of(1), digestOf('secret 1')]);
    one.spec = {};
    one.settle();
    expect(one.digests).toEqual([digestOf('secret 1'), ...of(1)]);
    expect(one.secrets.get('web-oauth2')?.annotations).not.toHaveProperty(['auth.nauthera.io/remove-after']);
  });

  it('is not rotated by us; what it held before can be revoked', () => {
    const one = adopting();
    one.adoptedPass(secret(1));
    one.adoptedPass(secret(2));
    ask(one, 'rotate-secret');
    ask(one, 'revoke-old-secret');
    one.adoptedPass(secret(2));
    expect(one.adoptedPass(secret(2))).toMatchObject({ digests: of(2), open: {} });
    expect([one.revocations, one.notes?.revoked]).toEqual([2, of(1)]);
    // Written back by its owner it is not accepted beside another one either.
    expect(one.adoptedPass(secret(3)).digests).toEqual(of(3, 2));
  });

  it('all of it revoked: nothing is accepted until its owner writes another one', () => {
    const one = adopting();
    one.adoptedPass(secret(1));
    one.adoptedPass(secret(2));
    ask(one, 'revoke-all-secrets');
    one.adoptedPass(secret(2));
    expect(one.adoptedPass(secret(2))).toMatchObject({ digests: [], accepted: [], open: {} });
    expect([one.revocations, one.notes?.revoked]).toEqual([2, of(2, 1)]);
    expect(one.adoptedPass(secret(3)).digests).toEqual(of(3));
  });

  it('a status that somebody wrote makes no digest accepted that the row does not hold', () => {
    const one = adopting();
    one.known = [{ id: 'forged', createdAt: 'nonsense', state: 'Retiring' }];
    expect(one.adoptedPass(secret(1)).digests).toEqual(of(1));
  });
});
