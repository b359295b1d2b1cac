import { describe, expect, it } from 'vitest';
import { standing } from '../../../crds/src/index.ts';
import { ProbeHistory } from '../../../operator/src/controllers/ldap-binding/probe-history.ts';
import { judgeProbes } from '../../../operator/src/controllers/ldap-binding/probes.ts';
import type { DirectoryServerProbe, LiveReport, SampleUser } from '../../../server/src/registry/index.ts';

const ok = { ok: true } as const;
const a = 'ldaps://a';
const b = 'ldaps://b';
const up = (url: string): DirectoryServerProbe => ({ url, tls: ok, bind: ok, searchBase: ok });
const unreachable = (url: string): DirectoryServerProbe => ({
  url,
  tls: { ok: false, reason: 'ConnectFailed', message: `${url} away` },
});
const untrusted = (url: string): DirectoryServerProbe => ({
  url,
  tls: { ok: false, reason: 'CertificateUntrusted', message: 'untrusted' },
});
const refused = (url: string): DirectoryServerProbe => ({
  url,
  tls: ok,
  bind: { ok: false, reason: 'BindRejected', message: 'refused. Check Secret "{secret}"' },
});
const noBase = (url: string): DirectoryServerProbe => ({
  url,
  tls: ok,
  bind: ok,
  searchBase: { ok: false, reason: 'SearchBaseNotFound', message: 'no base' },
});

const noPolicy = (url: string): DirectoryServerProbe => ({
  ...up(url),
  policy: { ok: false, reason: 'PolicyNotReadable', message: `${url} shows no policy` },
});

const judge = (...replicas: readonly (readonly DirectoryServerProbe[])[]) =>
  judgeProbes({
    urls: [a, b],
    secret: 'reader',
    found: new Map(replicas.map((probes, index) => [`r${index}`, probes])),
  });

describe('servers that DNS names', () => {
  const judged = (...replicas: readonly (readonly DirectoryServerProbe[])[]) =>
    judgeProbes({
      urls: undefined,
      secret: 'reader',
      found: new Map(replicas.map((probes, index) => [`r${index}`, probes])),
    });

  it('are shown in one order, whatever order each replica drew', () => {
    const [one, other] = [judged([up(b), up(a)], [up(a), up(b)]), judged([up(a), up(b)], [up(b), up(a)])];
    expect(one).toEqual(other);
    expect(one.servers.map(({ url, state }) => `${url} ${state}`)).toEqual([`${a} Up`, `${b} Up`]);
  });

  it.each<readonly [string, readonly (readonly DirectoryServerProbe[])[], string]>([
    ['the first that it can use', [[up(b), up(a)]], b],
    [
      'what most of them ask first',
      [
        [up(a), up(b)],
        [up(b), up(a)],
        [up(b), up(a)],
      ],
      b,
    ],
    ['not one that is away', [[unreachable(b), up(a)]], a],
  ])('the one in use is, in the order that a replica drew, %s', (_title, replicas, active) => {
    expect(judged(...replicas).activeServer).toBe(active);
  });

  it('none: what DNS said stands in the place of a server', () => {
    const { conditions, servers } = judged([unreachable('_ldaps._tcp.example.com')]);
    expect(conditions[0]).toMatchObject({ type: 'TLSReady', status: 'False', reason: 'ConnectFailed' });
    expect(servers).toMatchObject([{ url: '_ldaps._tcp.example.com', state: 'Down' }]);
  });
});

describe('what replicas found, as conditions', () => {
  it.each<readonly [string, readonly (readonly DirectoryServerProbe[])[], string, string | undefined, string]>([
    ['all is well', [[up(a), up(b)]], 'True True True', a, 'Up Up'],
    [
      'the first server is away, the second serves',
      [[unreachable(a), up(b)]],
      'True True True Degraded:ServerUnreachable',
      b,
      'Down Up',
    ],
    ['its policy can be read', [[{ ...up(a), policy: ok }, up(b)]], 'True True True', a, 'Up Up'],
    [
      'its policy cannot be read',
      [
        [up(a), up(b)],
        [up(a), noPolicy(b)],
      ],
      'True True True Degraded:PolicyNotReadable',
      a,
      'Up Up',
    ],
    [
      'its policy cannot be read, and one server is always away: what shows nowhere else is told',
      [[unreachable(a), noPolicy(b)]],
      'True True True Degraded:PolicyNotReadable',
      b,
      'Down Up',
    ],
    [
      'no server can be reached',
      [[unreachable(a), unreachable(b)]],
      'False:ConnectFailed Unknown:Blocked Unknown:Blocked',
      undefined,
      'Down Down',
    ],
    [
      'an untrusted certificate',
      [[untrusted(a), untrusted(b)]],
      'False:CertificateUntrusted Unknown:Blocked Unknown:Blocked',
      undefined,
      'Down Down',
    ],
    [
      'the furthest server tells',
      [[unreachable(a), refused(b)]],
      'True False:BindRejected Unknown:Blocked',
      undefined,
      'Down Down',
    ],
    [
      'the password is refused',
      [[refused(a), refused(b)]],
      'True False:BindRejected Unknown:Blocked',
      undefined,
      'Down Down',
    ],
    [
      'the search base is not there',
      [[noBase(a), noBase(b)]],
      'True True False:SearchBaseNotFound',
      undefined,
      'Down Down',
    ],
    [
      'replicas disagree about a server',
      [
        [up(a), up(b)],
        [unreachable(a), up(b)],
      ],
      'True True True Degraded:ReplicasDisagree',
      b,
      'Degraded Up',
    ],
    [
      'one replica can use none',
      [
        [up(a), up(b)],
        [unreachable(a), unreachable(b)],
      ],
      'False:ConnectFailed Unknown:Blocked Unknown:Blocked Degraded:ReplicasDisagree',
      a,
      'Degraded Degraded',
    ],
    ['a server that nobody looked at yet', [[up(a)]], 'True True True Degraded:ServerUnreachable', a, 'Up Down'],
  ])('%s', (_, replicas, expected, active, states) => {
    const { conditions, activeServer, servers } = judge(...replicas);
    const shown = conditions.map(({ type, status, reason }) =>
      type === 'Degraded' ? `${type}:${reason}` : status === 'True' ? 'True' : `${status}:${reason}`,
    );
    expect([shown.join(' '), activeServer, servers.map(({ state }) => state).join(' ')]).toEqual([
      expected,
      active,
      states,
    ]);
    for (const { type, reason } of conditions) expect(() => standing('LdapBinding', type, reason)).not.toThrow();
  });

  it('M18: the Secret with the password is named', () => {
    expect(judge([refused(a), refused(b)]).conditions[1]?.message).toBe('refused. Check Secret "reader"');
  });
});

describe('two equal reports count', () => {
  const subject = { directory: 'shop/people', uid: 'u1', fingerprint: 'f1' };
  const report = (
    reportedAt: number,
    probe: DirectoryServerProbe | undefined,
    more: Partial<LiveReport> = {},
  ): LiveReport => ({
    replica: 'r1',
    format: 1,
    revision: { epoch: 'e', n: 1 },
    rejected: [],
    directories: probe === undefined ? [] : [{ ...subject, servers: [probe] }],
    keys: 'ready',
    untrustedProxy: false,
    live: true,
    reportedAt,
    ...more,
  });
  const nothing = { found: new Map(), samples: new Map() };
  const states = (findings: Pick<ReturnType<ProbeHistory['take']>, 'found'>) =>
    [...findings.found.values()].map(([probe]) => (probe?.tls?.ok === true ? 'up' : 'away'));

  it('the first finding counts at once, another one when it is repeated', () => {
    const history = new ProbeHistory();
    const seen = [
      history.take([report(1, up(a))], subject),
      history.take([report(2, unreachable(a))], subject),
      history.take([report(2, unreachable(a))], subject),
      history.take([report(3, up(a))], subject),
      history.take([report(4, unreachable(a))], subject),
      history.take([report(5, unreachable(a))], subject),
    ];
    expect(seen.map((one) => [...states(one), one.pending])).toEqual([
      ['up', false],
      ['up', true],
      ['up', true],
      ['up', false],
      ['up', true],
      ['away', false],
    ]);
  });

  it('what is found of sample users counts in the same way, and by itself', () => {
    const sample = (outcome: 'nobody' | 'several'): SampleUser => ({ username: 'ada', outcome });
    const of = (reportedAt: number, samples: readonly SampleUser[] | undefined, server = up(a)) =>
      report(reportedAt, undefined, {
        directories: [{ ...subject, servers: [server], ...(samples === undefined ? {} : { samples }) }],
      });
    const history = new ProbeHistory();
    const seen = [
      history.take([of(1, [sample('nobody')])], subject),
      history.take([of(2, [sample('several')], unreachable(a))], subject),
      history.take([of(3, [sample('several')])], subject),
      history.take([of(4, undefined)], subject),
    ];
    expect(seen.map(({ samples, pending, ...more }) => [samples.get('r1'), ...states(more), pending])).toEqual([
      [[sample('nobody')], 'up', false],
      [[sample('nobody')], 'up', true],
      [[sample('several')], 'up', false],
      [[sample('several')], 'up', true],
    ]);
  });

  it('a report about an older registration, or of a dead replica, says nothing', () => {
    const history = new ProbeHistory();
    expect(history.take([report(1, up(a))], { ...subject, fingerprint: 'f2' })).toEqual({
      ...nothing,
      pending: true,
    });
    expect(history.take([report(1, up(a))], { ...subject, uid: 'u2' })).toEqual({ ...nothing, pending: true });
    expect(history.take([report(1, up(a), { live: false })], subject)).toEqual({ ...nothing, pending: false });
  });

  it('a new registration begins anew', () => {
    const history = new ProbeHistory();
    history.take([report(1, up(a))], subject);
    const next = { ...subject, fingerprint: 'f2' };
    const away = { ...report(2, undefined), directories: [{ ...next, servers: [unreachable(a)] }] };
    expect(states(history.take([away], next))).toEqual(['away']);
  });
});
