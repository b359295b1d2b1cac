import type { LdapBindingStatus } from '@nauthera/crds';
import { describe, expect, it } from 'vitest';
import { attach } from '../../../operator/src/controllers/attachment.ts';
import { degradation } from '../../../operator/src/controllers/degradation.ts';
import { planLdapBinding } from '../../../operator/src/controllers/ldap-binding/plan.ts';
import { sweepStopped } from '../../../operator/src/controllers/ldap-binding/sweep.ts';
import type { LiveReport, SweepReport } from '../../../server/src/registry/report.ts';
import { checkRegistration } from '../../../server/src/registry/validate.ts';
import { aSecret, aServerResource, observed, shop } from './resources.ts';

const confirm = 'auth.nauthera.io/confirm-leavers';

describe('what is registered of the sweep', () => {
  const recheckOf = (spec: Record<string, unknown>, annotations: Record<string, string> = {}) => {
    const binding = observed('LdapBinding', 'people', spec, { annotations });
    const { registration } = planLdapBinding({
      source: 'test',
      binding,
      namespace: shop,
      attachment: attach(binding, [aServerResource()], shop),
      serverHolds: 'yes',
      passwordSecret: aSecret('reader', { password: 'secret' }),
      caBundle: undefined,
      scopes: new Map(),
      siblings: [],
      stored: null,
    });
    if (registration?.kind !== 'directory') throw new Error('nothing is registered');
    expect(checkRegistration(registration.kind, registration.id, registration.value)).toBeNull();
    return registration.value.recheck;
  };

  it.each<readonly [string, Record<string, unknown>, Record<string, string>, unknown]>([
    ['nothing, where it is as by default', {}, {}, undefined],
    ['the interval in seconds', { recheck: '5m' }, {}, { every: 300 }],
    ['the word of an administrator', {}, { [confirm]: '2026-11-26' }, { confirmed: '2026-11-26' }],
    ['both', { recheck: '10s' }, { [confirm]: 'a' }, { every: 10, confirmed: 'a' }],
    ['no word that is empty', {}, { [confirm]: '' }, undefined],
  ])('%s', (_, spec, annotations, recheck) => {
    expect(recheckOf(spec, annotations)).toEqual(recheck);
  });
});

describe('a sweep that would have ended too many', () => {
  const report = (replica: string, live: boolean, uid: string, sweepHalted?: SweepReport): LiveReport => ({
    replica,
    live,
    reportedAt: 1,
    format: 1,
    revision: { epoch: 'e', n: 1 },
    rejected: [],
    keys: 'ready',
    untrustedProxy: false,
    directories: [
      {
        directory: 'shop/people',
        uid,
        fingerprint: 'f',
        servers: [],
        ...(sweepHalted === undefined ? {} : { sweepHalted }),
      },
    ],
  });
  const halted = { users: 50, leavers: 11 };
  const people = { directory: 'shop/people', uid: 'u' };

  it('is a condition that says how many, and how to let it go on', () => {
    expect(sweepStopped([report('a', true, 'u'), report('b', true, 'u', halted)], people)).toEqual({
      type: 'Degraded',
      status: 'True',
      reason: 'SweepStopped',
      message: `11 of 50 signed-in users seem to have left, so nobody's access was ended. Check search base and rights of the service account; if they did leave, give the annotation ${confirm} a new value`,
    });
  });

  it.each<readonly [string, LiveReport]>([
    ['a replica that is gone', report('a', false, 'u', halted)],
    ['an LdapBinding that was there before', report('a', true, 'other', halted)],
    ['a replica whose rounds end as they should', report('a', true, 'u')],
  ])('not by the word of %s', (_, said) => {
    expect(sweepStopped([said], people)).toBeUndefined();
  });

  it('is an Event once', () => {
    const with_ = (reason?: string): LdapBindingStatus => ({
      observedGeneration: 1,
      conditions:
        reason === undefined
          ? []
          : [
              {
                type: 'Degraded',
                status: 'True',
                reason,
                message: 'why',
                observedGeneration: 1,
                lastTransitionTime: '1970-01-01T00:00:00Z',
              },
            ],
      servers: [{ url: 'ldaps://one', state: 'Up' }],
    });
    const told = (before?: string, after?: string) =>
      degradation('LdapBinding', with_(before), with_(after), false)?.reason;
    expect(told(undefined, 'SweepStopped')).toBe('SweepStopped');
    expect(told('ServerUnreachable', 'SweepStopped')).toBe('SweepStopped');
    expect(told('SweepStopped', 'SweepStopped')).toBeUndefined();
    expect(told('SweepStopped', 'ServerUnreachable')).toBe('ServerDegraded');
    expect(told('SweepStopped')).toBeUndefined();
  });
});
