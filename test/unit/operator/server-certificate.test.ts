/** The certificate of an AuthorizationServer: which one it shows, what is written when, and who is told to trust whom. */
import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { issueAuthority, issueServing } from '../../../operator/src/certificates/issue.ts';
import { bundleOf, lifetimes, validityFrom } from '../../../operator/src/certificates/lifecycle.ts';
import type { ServerResource } from '../../../operator/src/controllers/attachment.ts';
import { transportOf } from '../../../operator/src/controllers/authorization-server/deployment/transport.ts';
import {
  discardAuthorities,
  keepCertificate,
  type ServerCertificate,
} from '../../../operator/src/controllers/authorization-server/tls/certificates.ts';
import { judgeGiven } from '../../../operator/src/controllers/authorization-server/tls/given.ts';
import { readAuthorities } from '../../../operator/src/controllers/authorization-server/tls/secrets.ts';
import {
  servingSecretName,
  wantedCertificate,
} from '../../../operator/src/controllers/authorization-server/tls/wanted.ts';
import type { World } from '../../../operator/src/controllers/world.ts';
import type { NewSecret, Secret, SecretStore } from '../../../operator/src/sources/source.ts';
import { DatabaseUnavailable } from '../../../server/src/registry/index.ts';
import { clientAuthority } from '../../support/client-certificates.ts';
import { fakeWorld } from './fake-world.ts';
import { aServerResource } from './resources.ts';

const day = 86_400_000;
const start = Date.parse('2026-11-26T12:00:00Z');
const own = ['main.auth.svc', 'main.auth.svc.cluster.local', 'main.auth', 'main'];
const issuer = 'https://main.auth.svc';
const ingress = { exposure: { mode: 'Ingress' } };
const mutual = (url?: string) => ({ mutualTls: { mode: 'Listener', ...(url === undefined ? {} : { url }) } });
const given = { tls: { mode: 'Secret', secretRef: { name: 'bought' } } };

class MemorySecrets implements Partial<SecretStore> {
  readonly stored = new Map<string, Secret>();
  readonly writes: string[] = [];
  #version = 0;

  read(_namespace: string, name: string) {
    return Promise.resolve(this.stored.get(name));
  }
  create(secret: NewSecret) {
    if (this.stored.has(secret.name)) return Promise.resolve('exists' as const);
    this.#put('create', secret);
    return Promise.resolve('created' as const);
  }
  update(before: Secret, next: NewSecret) {
    if (this.stored.get(before.name)?.version !== before.version) return Promise.resolve('changed' as const);
    this.#put('update', next);
    return Promise.resolve('updated' as const);
  }
  delete({ name }: Secret) {
    this.writes.push(`delete ${name}`);
    this.stored.delete(name);
    return Promise.resolve();
  }
  edit(name: string, change: (secret: Secret) => Partial<Secret>): void {
    const secret = this.stored.get(name);
    if (secret === undefined) throw new Error(`no ${name}`);
    this.stored.set(name, { ...secret, ...change(secret), version: String((this.#version += 1)) });
  }
  #put(verb: string, secret: NewSecret): void {
    this.writes.push(`${verb} ${secret.name}`);
    this.stored.set(secret.name, { ...secret, version: String((this.#version += 1)) });
  }
}

class Scene {
  readonly secrets = new MemorySecrets();
  /** The database's clock. */
  now = start;
  /** What the operator's own is ahead of it. */
  ahead = 0;
  database: 'never open' | 'open' | 'away' = 'open';
  readonly #fake = fakeWorld({
    secrets: {
      read: (namespace, name) => this.secrets.read(namespace, name),
      create: (secret) => this.secrets.create(secret),
      update: (before, next) => this.secrets.update(before, next),
      delete: (secret) => this.secrets.delete(secret),
    },
    now: () => this.now + this.ahead,
  });
  readonly #registry = {
    now: () => (this.database === 'open' ? Promise.resolve(this.now) : Promise.reject(new DatabaseUnavailable('away'))),
    lastTold: undefined as number | undefined,
  };
  readonly #world: World = {
    ...this.#fake.world,
    registryOf: (server) =>
      server === 'auth/main' && this.database !== 'never open'
        ? (this.#registry as unknown as ReturnType<World['registryOf']>)
        : undefined,
  };

  /** The database told the time once, and is away now. */
  loseDatabase(): void {
    this.database = 'away';
    this.#registry.lastTold = this.now;
  }

  get events(): readonly string[] {
    return this.#fake.events.map(({ type, reason }) => `${type} ${reason}`);
  }
  get notes(): string {
    return this.#fake.events.map(({ note }) => note).join('\n');
  }
  pass(server = aServerResource(), of = issuer): Promise<ServerCertificate> {
    return keepCertificate(this.#world, server, of);
  }
  discard(server: ServerResource): Promise<void> {
    return discardAuthorities({ ...this.#fake.world, pods: {} as World['pods'] }, server);
  }
  get serving(): X509Certificate {
    return new X509Certificate(this.secrets.stored.get('main-generated-tls')?.data['tls.crt'] ?? '');
  }
  async quietPass(): Promise<ServerCertificate> {
    const before = this.secrets.writes.length;
    const kept = await this.pass();
    expect(this.secrets.writes.slice(before)).toEqual([]);
    return kept;
  }
}

describe('what a server shows', () => {
  it.each<[string, Record<string, unknown>, 'http' | 'https', string | undefined]>([
    ['inside of the cluster: the generated one', {}, 'https', 'main-generated-tls'],
    ['exposure None is the same', { exposure: { mode: 'None' } }, 'https', 'main-generated-tls'],
    ['behind an Ingress TLS ends there', ingress, 'http', undefined],
    ['behind an Ingress that was told otherwise', { ...ingress, tls: {} }, 'https', 'main-generated-tls'],
    ['behind an Ingress, its own', { ...ingress, ...given }, 'https', 'bought'],
    [
      'behind an Ingress, with a listener that asks for certificates',
      { ...ingress, ...mutual() },
      'https',
      'main-generated-tls',
    ],
    ['its own', given, 'https', 'bought'],
    ['for a forwarded port', { issuer: 'http://localhost:8080' }, 'http', undefined],
  ])('%s', (_name, spec, transport, secret) => {
    const server = aServerResource(spec);
    expect(transportOf(server)).toEqual(
      transport === 'http'
        ? { name: 'http', containerPort: 8080, servicePort: 80 }
        : { name: 'https', containerPort: 8443, servicePort: 443 },
    );
    expect(servingSecretName(server)).toBe(secret);
  });

  it.each<[string, Record<string, unknown>, string, unknown]>([
    ['the names of the Service', {}, issuer, { from: 'operator', names: own, forClients: true }],
    // Without a word about certificates that issuer may well be somebody else's proxy.
    [
      'the host of the issuer too',
      {},
      'https://id.example.com/x',
      { from: 'operator', names: [...own, 'id.example.com'], forClients: false },
    ],
    [
      'and Clients are told when it is asked for',
      { tls: {} },
      'https://id.example.com',
      { from: 'operator', names: [...own, 'id.example.com'], forClients: true },
    ],
    [
      'the host of the second listener',
      mutual('https://mtls.example.com:8444'),
      issuer,
      { from: 'operator', names: [...own, 'mtls.example.com'], forClients: true },
    ],
    [
      'an address',
      { tls: {} },
      'https://[fd00::1]:8443',
      { from: 'operator', names: [...own, 'fd00::1'], forClients: true },
    ],
    [
      'behind an Ingress Clients meet another one',
      { ...ingress, tls: {} },
      'https://id.example.com',
      { from: 'operator', names: [...own, 'id.example.com'], forClients: false },
    ],
    ['TLS ends elsewhere', ingress, 'https://id.example.com', { from: 'nobody' }],
    [
      'its own: for the host of the issuer',
      given,
      'https://id.example.com',
      { from: 'secret', secretName: 'bought', names: ['id.example.com'], forClients: true },
    ],
    [
      'its own behind an Ingress: for any name',
      { ...ingress, ...given },
      'https://id.example.com',
      { from: 'secret', secretName: 'bought', names: [], forClients: false },
    ],
  ])('for which names: %s', (_name, spec, of, wanted) => {
    expect(wantedCertificate(aServerResource(spec), of)).toEqual(wanted);
  });
});

describe('a generated certificate', () => {
  it('is made at once, published, and left alone from then on', async () => {
    const scene = new Scene();
    const kept = await scene.pass();
    expect(scene.secrets.writes).toEqual(['create main-generated-ca', 'create main-generated-tls']);
    expect(scene.events).toEqual(['Normal SecretCreated', 'Normal SecretCreated']);
    expect(kept).toMatchObject({ usable: true, problem: undefined });
    expect(kept.forClients).toBe(kept.bundle);
    const [authority, serving] = ['main-generated-ca', 'main-generated-tls'].map((name) =>
      scene.secrets.stored.get(name),
    );
    expect(kept.bundle).toBe(authority?.data['tls.crt']);
    expect(serving?.data['ca.crt']).toBe(kept.bundle);
    expect(Object.keys(serving?.data ?? {})).toEqual(['tls.crt', 'tls.key', 'ca.crt']);
    // The authority outlives its server; what it signed does not.
    expect([authority?.owner, serving?.owner]).toEqual([
      undefined,
      { kind: 'AuthorizationServer', name: 'main', uid: aServerResource().uid },
    ]);
    expect(authority?.labels['auth.nauthera.io/watch']).toBe('true');
    await scene.quietPass();
    expect(await scene.quietPass()).toMatchObject({ lookAgainAfter: day });
    expect(scene.notes).not.toContain('-----');
  });

  it('is renewed at 30 days, by the same authority', async () => {
    const scene = new Scene();
    const { bundle } = await scene.pass();
    scene.now = start + 60 * day - 1000;
    expect(await scene.quietPass()).toMatchObject({ lookAgainAfter: 1000 });
    scene.now = start + 60 * day;
    expect((await scene.pass()).bundle).toBe(bundle);
    expect(scene.secrets.writes.slice(2)).toEqual(['update main-generated-tls']);
    expect(scene.events.at(-1)).toBe('Normal SecretRotated');
    expect(scene.notes).toContain('valid until 2027-04-25');
    await scene.quietPass();
  });

  it('follows the names', async () => {
    const scene = new Scene();
    await scene.pass();
    await scene.pass(aServerResource(mutual('https://mtls.example.com')));
    expect(scene.secrets.writes.slice(2)).toEqual(['update main-generated-tls']);
    expect(scene.serving.subjectAltName).toContain('DNS:mtls.example.com');
    expect(scene.events.at(-1)).toBe('Normal SecretRotated');
  });

  it('with an issuer of IPv6 is made once', async () => {
    const scene = new Scene();
    await scene.pass(aServerResource(), 'https://[fd00::1]:8443');
    await scene.pass(aServerResource(), 'https://[fd00::1]:8443');
    expect(scene.secrets.writes).toHaveLength(2);
  });

  it('of twelve years: what is shown is always trusted by the bundle of a month before', async () => {
    const scene = new Scene();
    let before = (await scene.pass()).bundle ?? '';
    const bundles = new Set<string>();
    for (; scene.now < start + 12 * 365 * day; scene.now += 30 * day) {
      const { bundle = '' } = await scene.pass();
      const shown = scene.serving;
      expect(shown.validToDate.getTime()).toBeGreaterThanOrEqual(scene.now + 30 * day);
      const trusted = readAuthoritiesIn(before).filter(({ validToDate }) => validToDate.getTime() > scene.now);
      expect(trusted.some((one) => shown.verify(one.publicKey))).toBe(true);
      before = bundle;
      bundles.add(bundle);
    }
    // One, one and the next, the next and one, the next.
    expect(bundles.size).toBe(4);
    expect(readAuthorities(scene.secrets.stored.get('main-generated-ca')).former).toEqual([]);
    expect(scene.events.filter((one) => one.startsWith('Warning'))).toEqual([]);
  }, 120_000);

  it('whose authority is lost: a new one is published beside the old one, which is trusted until it is shown no more', async () => {
    const scene = new Scene();
    const before = await scene.pass();
    const shown = scene.serving.fingerprint256;
    scene.secrets.stored.delete('main-generated-ca');
    const after = await scene.pass();
    expect(scene.serving.fingerprint256).toBe(shown);
    expect(after.bundle).not.toBe(before.bundle);
    expect(after.bundle?.endsWith(before.bundle ?? '?')).toBe(true);
    expect(scene.events.at(-1)).toBe('Warning SecretRecreated');
    await scene.quietPass();
    scene.now = start + 60 * day;
    await scene.pass();
    expect(scene.serving.fingerprint256).not.toBe(shown);
    scene.now += day;
    expect((await scene.pass()).bundle).not.toContain(before.bundle);
  });

  it('whose authority leaked: both Secrets are deleted, and the old one is trusted for no more than a day', async () => {
    const scene = new Scene();
    const before = await scene.pass();
    scene.secrets.stored.delete('main-generated-ca');
    await scene.pass();
    scene.secrets.stored.delete('main-generated-tls');
    await scene.pass();
    scene.now += day;
    expect((await scene.pass()).bundle).not.toContain(before.bundle);
  });

  it.each<[string, string, (secret: Secret) => Partial<Secret>, boolean]>([
    ['a broken certificate', 'main-generated-tls', ({ data }) => ({ data: { ...data, 'tls.crt': 'x' } }), true],
    ['a foreign key', 'main-generated-tls', ({ data }) => ({ data: { ...data, 'tls.key': 'x' } }), true],
    ['another authority beside it', 'main-generated-tls', ({ data }) => ({ data: { ...data, 'ca.crt': 'x' } }), true],
    ['something more', 'main-generated-tls', ({ data }) => ({ data: { ...data, more: 'x' } }), false],
    ['no labels', 'main-generated-tls', () => ({ labels: {} }), false],
    ['no owner', 'main-generated-tls', () => ({ owner: undefined }), false],
    ['an authority without labels', 'main-generated-ca', () => ({ labels: {} }), false],
    [
      'an old authority that is none',
      'main-generated-ca',
      ({ data }) => ({ data: { ...data, 'former.crt': data['tls.key'] ?? '' } }),
      false,
    ],
    ['something more with the authority', 'main-generated-ca', ({ data }) => ({ data: { ...data, more: 'x' } }), false],
  ])('drift: %s', async (_name, secret, change, reissued) => {
    const scene = new Scene();
    await scene.pass();
    const shown = scene.serving.fingerprint256;
    const good = scene.secrets.stored.get(secret);
    scene.secrets.edit(secret, change);
    await scene.pass();
    expect(scene.secrets.writes.slice(2)).toEqual([`update ${secret}`]);
    expect(scene.events.slice(2)).toEqual(['Normal DriftRepaired']);
    expect(scene.serving.fingerprint256 === shown).toBe(!reissued);
    if (!reissued) expect(scene.secrets.stored.get(secret)).toMatchObject({ ...good, version: expect.any(String) });
    await scene.quietPass();
  });

  it('others’ labels and annotations stay', async () => {
    const scene = new Scene();
    await scene.pass();
    scene.secrets.edit('main-generated-tls', ({ labels }) => ({
      labels: { ...labels, theirs: 'x' },
      annotations: { theirs: 'x' },
    }));
    await scene.quietPass();
  });

  it('in an immutable Secret is made anew there', async () => {
    const scene = new Scene();
    await scene.pass();
    scene.secrets.edit('main-generated-tls', () => ({ immutable: true }));
    await scene.quietPass();
    scene.now = start + 60 * day;
    await scene.pass();
    expect(scene.secrets.writes.slice(2)).toEqual(['delete main-generated-tls', 'create main-generated-tls']);
  });

  it.each(['main-generated-ca', 'main-generated-tls'])(
    'somebody’s own Secret %s is left alone, and said',
    async (name) => {
      const scene = new Scene();
      scene.secrets.stored.set(name, {
        namespace: 'auth',
        name,
        type: 'Opaque',
        labels: {},
        annotations: {},
        owner: undefined,
        data: { 'tls.crt': 'x', 'tls.key': 'y' },
        version: '0',
      });
      const { usable, problem } = await scene.pass();
      expect([usable, problem?.reason, scene.secrets.writes]).toEqual([false, 'ApplyFailed', []]);
      expect(problem?.message).toBe(
        `Secret "${name}" is in the way of the generated certificate. Delete it, or name it in spec.tls.secretRef with mode Secret`,
      );
    },
  );

  it('a Secret of that name that a Client was given first is left alone, whatever it is labelled', async () => {
    const scene = new Scene();
    await scene.pass();
    scene.secrets.edit('main-generated-tls', () => ({ owner: { kind: 'Client', name: 'x', uid: 'x' } }));
    const { usable, problem } = await scene.pass();
    expect([usable, problem?.reason, scene.secrets.writes.length]).toEqual([false, 'ApplyFailed', 2]);
  });

  it.each<[string, 'Delete' | 'Retain', boolean]>([
    ['goes with its server where all goes', 'Delete', false],
    ['stays otherwise: a server that is made anew goes on with it', 'Retain', true],
  ])('its authority %s', async (_name, deletionPolicy, stays) => {
    const scene = new Scene();
    await scene.pass();
    await scene.discard(aServerResource({ deletionPolicy }));
    expect(scene.secrets.stored.has('main-generated-ca')).toBe(stays);
  });

  it('is left alone while the server is paused', async () => {
    const scene = new Scene();
    const { bundle } = await scene.pass();
    const paused = aServerResource({}, { annotations: { 'auth.nauthera.io/paused': 'true' } });
    scene.now = start + 89 * day;
    expect(await scene.pass(paused)).toMatchObject({ usable: true, bundle });
    expect(scene.secrets.writes).toHaveLength(2);
  });
});

describe('a clock that jumps', () => {
  const jumps: [string, number][] = [
    ['past the renewal', 61 * day],
    ['past the end of the certificate', 91 * day],
    ['past the end of the authority', 11 * 365 * day],
    ['back', -365 * day],
  ];

  it.each(jumps)('the operator’s own, %s: nothing is made by it', async (_name, jump) => {
    const scene = new Scene();
    const { bundle } = await scene.pass();
    scene.ahead = jump;
    expect((await scene.quietPass()).bundle).toBe(bundle);
    scene.loseDatabase();
    expect((await scene.quietPass()).bundle).toBe(bundle);
    scene.ahead = 0;
    expect((await scene.quietPass()).bundle).toBe(bundle);
  });

  it.each(jumps)('of an operator that no database told the time yet, %s: what stands stays', async (_name, jump) => {
    const scene = new Scene();
    await scene.pass();
    scene.now = start + 3300 * day;
    await scene.pass();
    const { next } = readAuthorities(scene.secrets.stored.get('main-generated-ca'));
    expect(next).toBeDefined();
    for (const database of ['never open', 'away'] as const) {
      Object.assign(scene, { database, ahead: jump });
      await scene.quietPass();
    }
    // An edit is repaired all the same.
    const good = scene.secrets.stored.get('main-generated-ca');
    scene.secrets.edit('main-generated-ca', () => ({ labels: {} }));
    await scene.pass();
    expect(scene.secrets.stored.get('main-generated-ca')?.data).toEqual(good?.data);
  });

  it.each(jumps)('at the very first, %s: made anew as soon as a database tells the time', async (_name, jump) => {
    const scene = new Scene();
    Object.assign(scene, { database: 'never open', ahead: jump });
    await scene.pass();
    expect(scene.secrets.writes).toHaveLength(2);
    scene.database = 'open';
    const { bundle = '' } = await scene.pass();
    const shown = scene.serving;
    const trusted = readAuthoritiesIn(bundle);
    for (const { validFromDate } of trusted) expect(validFromDate.getTime()).toBeLessThanOrEqual(start);
    expect(trusted.some((one) => one.validToDate.getTime() > start && shown.verify(one.publicKey))).toBe(true);
    expect(shown.validFromDate.getTime()).toBeLessThanOrEqual(start);
    expect(shown.validToDate.getTime()).toBeGreaterThanOrEqual(start + 30 * day);
    await scene.quietPass();
  });

  it('an authority of the future is replaced, and the Event says from when on it would count, not that it was lost', async () => {
    const scene = new Scene();
    Object.assign(scene, { database: 'never open', ahead: 60 * day });
    await scene.pass();
    scene.database = 'open';
    await scene.pass();
    expect(scene.events).toContain('Warning SecretRecreated');
    expect(scene.notes).toContain(
      'the certificate authority in Secret "main-generated-ca" is not valid before 2027-01-25: there is a new one, in ConfigMap "main-ca" in its place. See why a clock was ahead when it was made',
    );
    expect(scene.notes).not.toContain('was lost');
  });

  it('an authority of the future that waits for its turn is given up', async () => {
    const scene = new Scene();
    await scene.pass();
    const future = await issueAuthority(aServerResource(), validityFrom(start + 3650 * day, lifetimes.authority));
    scene.secrets.edit('main-generated-ca', ({ data }) => ({
      data: { ...data, 'next.crt': future.certificate, 'next.key': future.key },
    }));
    const { bundle } = await scene.pass();
    expect(bundle).not.toContain(future.certificate);
    await scene.quietPass();
  });
});

function readAuthoritiesIn(bundle: string): X509Certificate[] {
  return (bundle.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g) ?? []).map((pem) => new X509Certificate(pem));
}

describe('a certificate that somebody else keeps', () => {
  const make = async (madeAt = start, names: readonly string[] = ['id.example.com']) => {
    const of = { namespace: 'auth', name: 'main' };
    const authority = await issueAuthority(of, validityFrom(madeAt, lifetimes.authority));
    const pair = await issueServing(authority, { name: 'x', names, validity: validityFrom(madeAt, 90 * day) });
    return { authority, data: { 'tls.crt': pair.certificate, 'tls.key': pair.key } };
  };
  const judge = (data: Record<string, string> | undefined, now = start, names = ['id.example.com']) => {
    const place = { name: 'bought', namespace: 'auth' };
    const rest = { type: 'kubernetes.io/tls', labels: {}, annotations: {}, owner: undefined, version: '1' };
    return judgeGiven(data === undefined ? undefined : { ...place, ...rest, data }, { ...place, names, now });
  };

  it('that is good is used, and says nothing of its authority', async () => {
    const { data } = await make();
    expect(judge(data)).toEqual({ usable: true, problem: undefined, bundle: undefined, until: start + 90 * day });
  });

  it('whose authority stands beside it: that one is published', async () => {
    const { data, authority } = await make();
    expect(judge({ ...data, 'ca.crt': authority.certificate }).bundle).toBe(
      bundleOf({ signing: authority, former: [] }),
    );
  });

  it('a stranger beside it is not published', async () => {
    const [{ data }, { authority }] = await Promise.all([make(), make()]);
    expect(judge({ ...data, 'ca.crt': authority.certificate }).bundle).toBeUndefined();
    expect(judge({ ...data, 'ca.crt': '' }).bundle).toBeUndefined();
  });

  it('a stranger between its authorities is not published either', async () => {
    const [root, stranger] = [await clientAuthority('Root'), await clientAuthority('Stranger')];
    const middle = await root.under('Middle');
    const { cert, key, x509 } = await middle.issue();
    const both = `${middle.pem}${stranger.pem}${root.pem}`;
    // The chain brings the one between along, or it does not.
    expect(judge({ 'tls.crt': cert, 'tls.key': key, 'ca.crt': `${stranger.pem}${root.pem}` }).bundle).toBe(root.pem);
    expect(judge({ 'tls.crt': x509.toString(), 'tls.key': key, 'ca.crt': both }).bundle).toBe(middle.pem + root.pem);
    // What stands in the chain and leads nowhere from the certificate makes nobody an authority.
    const strange = { 'tls.crt': cert + stranger.pem, 'tls.key': key, 'ca.crt': stranger.pem };
    expect(judge(strange).bundle).toBeUndefined();
  });

  const where = 'Secret "bought" named in spec.tls.secretRef';
  it.each<[string, () => Promise<ReturnType<typeof judge>>, boolean, string, string]>([
    [
      'is missing',
      async () => judge(undefined),
      false,
      'SecretNotFound',
      `${where} does not exist in namespace auth. Waiting for it`,
    ],
    [
      'has no key',
      async () => judge({ 'tls.crt': 'x' }),
      false,
      'SecretKeyNotFound',
      `${where} has no key "tls.key". Let it be of type kubernetes.io/tls`,
    ],
    [
      'has no certificate',
      async () => judge({ 'tls.key': 'x' }),
      false,
      'SecretKeyNotFound',
      `${where} has no key "tls.crt". Let it be of type kubernetes.io/tls`,
    ],
    [
      'is no certificate',
      async () => judge({ ...(await make()).data, 'tls.crt': 'x' }),
      false,
      'SecretInvalid',
      `${where}, key "tls.crt": holds no certificates in PEM, leaf first. Correct it`,
    ],
    [
      'has a key that is none',
      async () => judge({ ...(await make()).data, 'tls.key': 'x' }),
      false,
      'SecretInvalid',
      `${where}, key "tls.key": holds no private key in PEM without a passphrase. Correct it`,
    ],
    [
      'has the key of another',
      async () => judge({ ...(await make()).data, 'tls.key': (await make()).data['tls.key'] }),
      false,
      'SecretInvalid',
      `${where}, key "tls.key": is not the key of the first certificate in tls.crt. Correct it`,
    ],
    [
      'has expired',
      async () => judge((await make()).data, start + 90 * day),
      true,
      'CertificateExpired',
      `${where}: its certificate expired on 2027-02-24. Renew it`,
    ],
    [
      'is of the future',
      async () => judge((await make()).data, start - day),
      true,
      'SecretInvalid',
      `${where}: its certificate is not valid before 2026-11-26. Issue another one`,
    ],
    [
      'is for another name',
      async () => judge((await make()).data, start, ['id.example.org']),
      true,
      'CertificateNameMismatch',
      `${where}: its certificate is for id.example.com, not for id.example.org. Issue one with that name`,
    ],
  ])('that %s', async (_name, run, usable, reason, message) => {
    expect(await run()).toMatchObject({ usable, problem: { type: 'Deployed', status: 'False', reason, message } });
  });

  it('for a wildcard covers one label', async () => {
    const { data } = await make(start, ['*.example.com']);
    expect(judge(data).problem).toBeUndefined();
    expect(judge(data, start, ['a.b.example.com']).problem?.reason).toBe('CertificateNameMismatch');
  });
});
