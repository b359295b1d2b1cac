import 'reflect-metadata';
import { X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { beforeAll, describe, expect, it } from 'vitest';
import { covers, inspect, isSignedBy, namesOf, type Pair } from '../../../operator/src/certificates/inspect.ts';
import { issueAuthority, issueServing } from '../../../operator/src/certificates/issue.ts';
import {
  type Authorities,
  authorityOf,
  bundleOf,
  type FoundAuthorities,
  lifetimes,
  nextStep,
  planAuthorities,
  type Renewal,
  renewalOf,
  type Serving,
  validityFrom,
} from '../../../operator/src/certificates/lifecycle.ts';

const day = 86_400_000;
const start = Date.parse('2026-11-26T12:00:00Z');
const names = ['default.identity.svc', 'id.example.com', '10.0.0.7', 'fd00::7'];
const of = { namespace: 'identity', name: 'default' };

const authority = (madeAt = start) => issueAuthority(of, validityFrom(madeAt, lifetimes.authority));
const serving = async (
  by: Pair,
  madeAt = start,
  more: { readonly names?: readonly string[] } = {},
): Promise<Serving> => ({
  ...(await issueServing(by, { name: 'default', names, validity: validityFrom(madeAt, lifetimes.serving), ...more })),
  authority: by.certificate,
});
const read = (pem: string) => new X509Certificate(pem);
const usages = (pem: string) => new x509.X509Certificate(pem).getExtension(x509.KeyUsagesExtension)?.usages;
const { keyCertSign, cRLSign, digitalSignature } = x509.KeyUsageFlags;

let one: Pair;
let two: Pair;
let three: Pair;
let shown: Serving;
beforeAll(async () => {
  [one, two, three] = await Promise.all([authority(), authority(), authority()]);
  shown = await serving(one);
});

describe('a certificate authority', () => {
  it('signs certificates and nothing else, for ten years', () => {
    const certificate = read(one.certificate);
    expect(certificate.ca).toBe(true);
    expect(usages(one.certificate)).toBe(keyCertSign | cRLSign);
    expect(isSignedBy(certificate, certificate)).toBe(true);
    expect(certificate.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
    expect(certificate.validFromDate.toISOString()).toBe('2026-11-26T11:00:00.000Z');
    expect(certificate.validToDate.toISOString()).toBe('2036-11-23T12:00:00.000Z');
  });

  it('names its server, and is told from others of it', () => {
    expect(read(one.certificate).subject).toMatch(/^O=identity\nOU=default\nCN=Nauthera CA [0-9a-f]{8}$/);
    expect(read(one.certificate).subject).not.toBe(read(two.certificate).subject);
  });

  it('of the longest names is a certificate', async () => {
    const made = await issueAuthority({ namespace: 'n'.repeat(63), name: 's'.repeat(40) }, validityFrom(start, day));
    expect(inspect(made)).toBeTypeOf('object');
  });
});

describe('a serving certificate', () => {
  it('is for these names alone, for servers, and no authority', () => {
    const certificate = read(shown.certificate);
    expect(certificate.subjectAltName).toBe(
      'DNS:default.identity.svc, DNS:id.example.com, IP Address:10.0.0.7, IP Address:FD00:0:0:0:0:0:0:7',
    );
    expect(namesOf(certificate)).toEqual([...names].sort());
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
    expect(usages(shown.certificate)).toBe(digitalSignature);
    expect(certificate.ca).toBe(false);
    expect(certificate.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
    expect(certificate.validToDate.getTime() - start).toBe(90 * day);
  });

  it('is signed by its authority and by no other', () => {
    expect(isSignedBy(read(shown.certificate), read(one.certificate))).toBe(true);
    expect(isSignedBy(read(shown.certificate), read(two.certificate))).toBe(false);
    expect(isSignedBy(read(shown.certificate), read(shown.certificate))).toBe(false);
  });

  it('has a serial number and a key of its own', async () => {
    const other = await serving(one);
    expect(read(other.certificate).serialNumber).not.toBe(read(shown.certificate).serialNumber);
    expect(other.key).not.toBe(shown.key);
    expect(shown.key).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
  });

  it.each([
    ['default.identity.svc', true],
    ['id.example.com', true],
    ['10.0.0.7', true],
    ['fd00::7', true],
    ['default', false],
    ['10.0.0.8', false],
    ['identity.svc', false],
  ])('covers %s: %s', (name, covered) => expect(covers(read(shown.certificate), name)).toBe(covered));
});

describe('a pair', () => {
  it.each<[string, () => Pair, string]>([
    ['no certificate', () => ({ ...shown, certificate: 'x' }), 'certificate'],
    ['half a certificate', () => ({ ...shown, certificate: shown.certificate.slice(0, 300) }), 'certificate'],
    [
      'a chain with something broken in it',
      () => ({ ...shown, certificate: `${shown.certificate}${shown.certificate.replace(/MII./, 'AAAA')}` }),
      'certificate',
    ],
    ['no key', () => ({ ...shown, key: '' }), 'key'],
    ['the key of another', () => ({ ...shown, key: one.key }), 'pair'],
  ])('%s is told', (_name, pair, problem) => expect(inspect(pair())).toBe(problem));

  it('of a chain ends with the first of it that ends', async () => {
    const short = await serving(one, start - 50 * day);
    const found = inspect({ certificate: `${shown.certificate}${short.certificate}`, key: shown.key });
    expect(found).toMatchObject({ until: start + 40 * day });
  });
});

describe('when an authority is due', () => {
  const found = (signing: Pair | undefined, more: Partial<FoundAuthorities> = {}): FoundAuthorities => ({
    signing,
    next: undefined,
    former: [],
    ...more,
  });
  const end = start + lifetimes.authority;

  it('there is none: the first, at once', () =>
    expect(planAuthorities(found(undefined), undefined, start)).toEqual({ step: 'first', former: [] }));

  it('one that is good stays as it is', () =>
    expect(planAuthorities(found(one), shown, start)).toEqual({
      step: 'keep',
      authorities: { signing: one, former: [] },
      moved: false,
    }));

  it.each<[string, () => Pair]>([
    ['with the key of another', () => ({ ...one, key: two.key })],
    ['that cannot be read', () => ({ ...one, certificate: 'x' })],
    ['that is none', () => shown],
  ])('one %s is lost: another one signs; what it signed is trusted as long as it is shown', (_name, broken) =>
    expect(planAuthorities(found(broken()), shown, start)).toEqual({ step: 'first', former: [one.certificate] }),
  );

  it('one that has expired is lost, and no longer trusted', () =>
    expect(planAuthorities(found(one), shown, end)).toEqual({ step: 'first', former: [] }));

  it('one that was lost is not trusted when nothing that it signed is shown', () =>
    expect(planAuthorities(found(undefined), { ...shown, authority: two.certificate }, start + 2 * day)).toEqual({
      step: 'first',
      former: [],
    }));

  it('one that came back from a backup goes on beside the one whose certificate is shown', () =>
    expect(planAuthorities(found(two), shown, start)).toEqual({
      step: 'keep',
      authorities: { signing: two, former: [one.certificate] },
      moved: true,
    }));

  it('a year before it ends the next one is published, a day earlier it is not', () => {
    const early = planAuthorities(found(one), undefined, end - lifetimes.publishAuthority - day);
    expect(early).toMatchObject({ step: 'keep', moved: false });
    const due = planAuthorities(found(one), undefined, end - lifetimes.publishAuthority);
    expect(due).toEqual({ step: 'publish', authorities: { signing: one, former: [] } });
  });

  it('what is published signs nothing until half a year before the end, then it does, and the old one stays published', () => {
    const both = found(one, { next: two });
    const early = planAuthorities(both, undefined, end - lifetimes.replaceAuthority - day);
    expect(early).toEqual({ step: 'keep', authorities: { signing: one, next: two, former: [] }, moved: false });
    const late = planAuthorities(both, undefined, end - lifetimes.replaceAuthority);
    expect(late).toEqual({ step: 'keep', authorities: { signing: two, former: [one.certificate] }, moved: true });
  });

  it('what it signs ends before it does', () => expect(lifetimes.serving).toBeLessThan(lifetimes.replaceAuthority));

  it('the one that signs is lost, the next one is there: it takes over, without a new key', () =>
    expect(planAuthorities(found(undefined, { next: two }), shown, start)).toEqual({
      step: 'keep',
      authorities: { signing: two, former: [one.certificate] },
      moved: true,
    }));

  it('an old one goes a day after the first certificate of the new one, not before', async () => {
    const renewed = await serving(two, start + 10 * day);
    const both = found(two, { former: [one.certificate] });
    const trusted = (now: number) => planAuthorities(both, renewed, now);
    expect(trusted(start + 11 * day - 1)).toMatchObject({ authorities: { former: [one.certificate] }, moved: false });
    expect(trusted(start + 11 * day)).toEqual({ step: 'keep', authorities: { signing: two, former: [] }, moved: true });
  });

  it('a certificate that somebody put among the old ones, and is no authority, is not published', () =>
    expect(planAuthorities(found(one, { former: [shown.certificate, 'x'] }), shown, start)).toEqual({
      step: 'keep',
      authorities: { signing: one, former: [] },
      moved: true,
    }));

  it('the bundle holds the one that signs, the next one and the old ones', () => {
    const all: Authorities = { signing: one, next: two, former: [three.certificate] };
    expect(bundleOf(all)).toBe(one.certificate + two.certificate + three.certificate);
  });
});

describe('when a serving certificate is due', () => {
  let authorities: Authorities;
  beforeAll(() => {
    authorities = { signing: one, former: [] };
  });
  const at = (now: number, pair: Serving | undefined = shown, wanted = names) =>
    renewalOf(pair, authorities, { names: wanted, now });

  it.each<[string, () => Renewal | undefined, Renewal | undefined]>([
    ['just made', () => at(start), undefined],
    ['with 31 days left', () => at(start + 59 * day), undefined],
    ['with 30 days left', () => at(start + 60 * day), 'due'],
    ['expired', () => at(start + 91 * day), 'due'],
    ['not there', () => renewalOf(undefined, authorities, { names, now: start }), 'missing'],
    ['unreadable', () => at(start, { ...shown, certificate: 'x' }), 'unusable'],
    ['with a foreign key', () => at(start, { ...shown, key: two.key }), 'unusable'],
    ['from the future', () => at(start - 2 * day), 'unusable'],
    ['with a name too few', () => at(start, shown, [...names, 'mtls.example.com']), 'names'],
    ['with a name too many', () => at(start, shown, names.slice(1)), 'names'],
    ['with the names in another order', () => at(start, shown, [...names].reverse()), undefined],
    ['of another authority', () => renewalOf(shown, { signing: two, former: [] }, { names, now: start }), 'untrusted'],
    ['whose authority was edited beside it', () => at(start, { ...shown, authority: two.certificate }), 'untrusted'],
    [
      'of a former authority',
      () => renewalOf(shown, { signing: two, former: [one.certificate] }, { names, now: start }),
      undefined,
    ],
  ])('%s', (_name, decide, renewal) => expect(decide()).toBe(renewal));

  it('the authority that signed it is found among all', () => {
    expect(authorityOf(shown.certificate, { signing: two, next: three, former: [one.certificate] })).toBe(
      one.certificate,
    );
    expect(authorityOf(shown.certificate, { signing: two, former: [] })).toBeUndefined();
  });
});

describe('the next step', () => {
  it.each<[string, () => Authorities, number]>([
    ['is the renewal, of a new server', () => ({ signing: one, former: [] }), start + 60 * day],
    [
      'is the end of an old authority, after one was replaced',
      () => ({ signing: one, former: [two.certificate] }),
      start + day,
    ],
  ])('%s', (_name, authorities, when) => expect(nextStep(authorities(), shown)).toBe(when));

  it('is publishing, then replacing an authority that ends', async () => {
    const old = await authority(start - lifetimes.authority + 400 * day);
    const late = await serving(old);
    expect(nextStep({ signing: old, former: [] }, late)).toBe(start + 35 * day);
    expect(nextStep({ signing: old, next: one, former: [] }, late)).toBe(start + 60 * day);
  });
});
