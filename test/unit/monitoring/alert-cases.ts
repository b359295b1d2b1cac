/** When each alert fires, and when it must not: series as promtool writes them, one value each 30 seconds. */

type Labels = Readonly<Record<string, string>>;

export interface AlertCase {
  readonly alert: string;
  readonly when: string;
  readonly series: Readonly<Record<string, string>>;
  /** Default `15m`. */
  readonly at?: string;
  /** Labels of each alert that fires then, beside its severity. */
  readonly fires: readonly Labels[];
}

const of = (job: string, pod: string) => `namespace="identity",job="${job}",instance="${pod}"`;
const server = (job: string, pod: string) => `nauthera_build_info{component="server",${of(job, pod)}}`;
const tokens = (job: string, outcome: string) => `nauthera_token_requests_total{outcome="${outcome}",${of(job, 'a')}}`;
const up = (job: string, pod: string) => `up{${of(job, pod)}}`;
const ldap = (job: string, pod: string, host: string) =>
  `nauthera_ldap_server_up{directory="identity/people",server="${host}",${of(job, pod)}}`;
const replays = (pod: string) => `nauthera_refresh_reuse_total{result="replay",${of('main', pod)}}`;
const refused = (limiter: string) => `nauthera_rate_limited_total{limiter="${limiter}",${of('main', 'a')}}`;
const errors = (job: string) =>
  `controller_runtime_reconcile_errors_total{controller="Client",namespace="system",job="${job}",instance="o"}`;
const ourOperator = 'nauthera_build_info{component="operator",namespace="system",job="nauthera-operator",instance="o"}';
const leader = (pod: string) =>
  `leader_election_master_status{name="nauthera-operator",${of('nauthera-operator', pod)}}`;
const blocked = (pod: string) => `nauthera_secret_rotations_blocked{${of('nauthera-operator', pod)}}`;
const resources = (ready: string, reason: string) =>
  `nauthera_resources{kind="Client",ready="${ready}",reason="${reason}",${of('nauthera-operator', 'o')}}`;
const replica = (name: string, more = '') => `nauthera_${name}{${more}${of('main', 'a')}}`;
const main: Labels = { namespace: 'identity', job: 'main' };
const mainA: Labels = { ...main, instance: 'a' };

const recheck = (name: string, pod: string) =>
  `nauthera_recheck_${name}{directory="identity/people",${of('main', pod)}}`;
const people: Labels = { ...main, directory: 'identity/people' };

/** Seconds since 1970 are those of the test: time() is 0 at its beginning. */
const cases: Readonly<Record<string, readonly Omit<AlertCase, 'alert'>[]>> = {
  NautheraServerDown: [
    { when: 'a server answers', series: { [server('main', 'a')]: '1x60', [up('main', 'a')]: '1x60' }, fires: [] },
    { when: 'none was ever there', series: {}, fires: [{ component: 'server' }] },
    {
      when: 'an operator has no server to look after',
      series: { 'nauthera_build_info{component="operator",namespace="nauthera-system"}': '1x60' },
      fires: [],
    },
    {
      when: 'an operator has one to look after',
      series: {
        'nauthera_build_info{component="operator",namespace="nauthera-system"}': '1x60',
        'nauthera_resources{kind="AuthorizationServer",ready="false",reason="RolloutStuck"}': '1x60',
      },
      fires: [{ component: 'server' }],
    },
    {
      when: 'one of two servers answers no scrape any more',
      series: {
        [server('main', 'a')]: '1x5 stale',
        [up('main', 'a')]: '1x5 0x60',
        [server('main', 'b')]: '1x5 stale',
        [up('main', 'b')]: '1x5 0x60',
        [server('other', 'c')]: '1x60',
        [up('other', 'c')]: '1x60',
      },
      fires: [main],
    },
    {
      when: 'one of two replicas is away',
      series: {
        [server('main', 'a')]: '1x5 stale',
        [up('main', 'a')]: '1x5 0x60',
        [server('main', 'b')]: '1x60',
        [up('main', 'b')]: '1x60',
      },
      fires: [],
    },
    {
      when: 'one of two servers was deleted, and something else is down',
      series: {
        [server('main', 'a')]: '1x5 stale',
        [up('main', 'a')]: '1x5 stale',
        [server('other', 'c')]: '1x60',
        [up('other', 'c')]: '1x60',
        [up('somebody-else', 'd')]: '0x60',
      },
      fires: [],
    },
  ],
  NautheraLeaverSweepLate: [
    {
      when: 'one replica knows of a full look that another has not heard of',
      series: {
        [recheck('last_success_timestamp_seconds', 'a')]: '0+30x60',
        [recheck('last_success_timestamp_seconds', 'b')]: '0x60',
        [recheck('interval_seconds', 'a')]: '60x60',
        [recheck('halted', 'a')]: '0x60',
      },
      fires: [],
    },
    {
      when: 'nobody was looked at for more than three intervals and a minute, for five minutes',
      series: {
        [recheck('last_success_timestamp_seconds', 'a')]: '0x60',
        [recheck('interval_seconds', 'a')]: '60x60',
        [recheck('halted', 'a')]: '0x60',
      },
      fires: [people],
    },
    {
      when: 'an interval that is long is given its time',
      series: {
        [recheck('last_success_timestamp_seconds', 'a')]: '0x60',
        [recheck('interval_seconds', 'a')]: '600x60',
        [recheck('halted', 'a')]: '0x60',
      },
      fires: [],
    },
    {
      when: 'a replica says that too many seem to have left',
      series: {
        [recheck('last_success_timestamp_seconds', 'a')]: '0+30x60',
        [recheck('interval_seconds', 'a')]: '60x60',
        [recheck('halted', 'a')]: '1x60',
      },
      fires: [people],
    },
  ],
  NautheraTokenErrors: [
    {
      when: 'one server fails, and a busier one does not',
      series: {
        [tokens('main', 'server_error')]: '0+10x60',
        [tokens('main', 'success')]: '0+10x60',
        [tokens('other', 'success')]: '0+10000x60',
      },
      fires: [main],
    },
    {
      when: 'clients are at fault, and one of a thousand requests fails',
      series: {
        [tokens('main', 'server_error')]: '0+1x60',
        [tokens('main', 'invalid_client')]: '0+1000x60',
      },
      fires: [],
    },
    {
      when: 'nobody asks',
      series: { [tokens('main', 'server_error')]: '0x60', [tokens('main', 'success')]: '0x60' },
      fires: [],
    },
  ],
  NautheraDirectoryDown: [
    {
      when: 'one server reaches none of its hosts, and another does',
      series: {
        [ldap('main', 'a', 'ldap-1')]: '0x60',
        [ldap('main', 'a', 'ldap-2')]: '0x60',
        [ldap('other', 'c', 'ldap-1')]: '1x60',
      },
      fires: [{ ...main, directory: 'identity/people' }],
    },
    {
      when: 'one of two hosts is down',
      series: { [ldap('main', 'a', 'ldap-1')]: '0x60', [ldap('main', 'a', 'ldap-2')]: '1x60' },
      fires: [],
    },
    {
      when: 'one of two replicas reaches it',
      series: { [ldap('main', 'a', 'ldap-1')]: '0x60', [ldap('main', 'b', 'ldap-1')]: '1x60' },
      fires: [],
    },
  ],
  NautheraDirectoryServerDown: [
    {
      when: 'one of two hosts is down',
      series: { [ldap('main', 'a', 'ldap-1')]: '0x60', [ldap('main', 'a', 'ldap-2')]: '1x60' },
      fires: [{ ...mainA, directory: 'identity/people', server: 'ldap-1' }],
    },
    { when: 'it comes back', series: { [ldap('main', 'a', 'ldap-1')]: '0x15 1x60' }, fires: [] },
  ],
  NautheraRegistryStale: [
    { when: 'it is confirmed', series: { [replica('registry_seconds_since_confirmed')]: '3x60' }, fires: [] },
    {
      when: 'the database is away',
      series: { [replica('registry_seconds_since_confirmed')]: '0+30x60' },
      fires: [mainA],
    },
  ],
  NautheraClockSkew: [
    { when: 'behind', series: { [replica('clock_skew_seconds')]: '-6x60' }, fires: [mainA] },
    { when: 'ahead', series: { [replica('clock_skew_seconds')]: '6x60' }, fires: [mainA] },
    { when: 'close enough', series: { [replica('clock_skew_seconds')]: '-4x60' }, fires: [] },
  ],
  NautheraDatabasePoolFull: [
    { when: 'some always wait', series: { [replica('db_pool_waiting')]: '2x60' }, fires: [mainA] },
    { when: 'some wait now and then', series: { [replica('db_pool_waiting')]: '2x26 0x60' }, fires: [] },
  ],
  NautheraLogoutStuck: [
    { when: 'they pile up', series: { [replica('logout_pending')]: '150x90' }, at: '35m', fires: [mainA] },
    { when: 'not for long', series: { [replica('logout_pending')]: '150x90' }, at: '25m', fires: [] },
  ],
  NautheraKeyRotationLate: [
    {
      when: 'an hour and more after its time',
      series: { [replica('signing_key_next_rotation_timestamp_seconds', 'alg="ES256",')]: '600x240' },
      at: '90m',
      fires: [{ ...mainA, alg: 'ES256' }],
    },
    {
      when: 'half an hour after its time',
      series: { [replica('signing_key_next_rotation_timestamp_seconds', 'alg="ES256",')]: '600x240' },
      at: '40m',
      fires: [],
    },
  ],
  NautheraCertificateExpiring: [
    {
      when: 'ten days are left',
      series: { [replica('tls_certificate_expiry_timestamp_seconds', 'use="serving",')]: '864000x240' },
      at: '90m',
      fires: [{ ...mainA, use: 'serving' }],
    },
    {
      when: 'twenty days are left',
      series: { [replica('tls_certificate_expiry_timestamp_seconds', 'use="serving",')]: '1728000x240' },
      at: '90m',
      fires: [],
    },
  ],
  NautheraReplayDetected: [
    {
      when: 'they come to several replicas',
      series: { [replays('a')]: '0+1x60', [replays('b')]: '0+1x60' },
      fires: [main],
    },
    { when: 'a few', series: { [replays('a')]: '0x20 5x40' }, fires: [] },
  ],
  NautheraLoginFlood: [
    {
      when: 'accounts and addresses together',
      series: { [refused('login_account')]: '0+20x120', [refused('login_address')]: '0+20x120' },
      at: '30m',
      fires: [{}],
    },
    { when: 'other limits', series: { [refused('client_auth')]: '0+200x120' }, at: '30m', fires: [] },
  ],
  NautheraNoLeader: [
    { when: 'one of two leads', series: { [leader('a')]: '0x60', [leader('b')]: '1x60' }, fires: [] },
    { when: 'both wait', series: { [leader('a')]: '0x60', [leader('b')]: '0x60' }, fires: [{}] },
    { when: 'there is no operator', series: {}, fires: [{}] },
  ],
  NautheraReconcileErrors: [
    {
      when: 'ours fails',
      series: { [errors('nauthera-operator')]: '0+3x120', [ourOperator]: '1x120' },
      at: '45m',
      fires: [{ controller: 'Client' }],
    },
    {
      when: 'an operator of somebody else fails',
      series: { [errors('cert-manager')]: '0+300x120', [errors('nauthera-operator')]: '0x120', [ourOperator]: '1x120' },
      at: '45m',
      fires: [],
    },
  ],
  NautheraRotationBlocked: [
    {
      when: 'a day, and another process took over the lead meanwhile',
      series: { [blocked('a')]: '1x1440 stale', [blocked('b')]: '0x1444 1x2000' },
      at: '25h',
      fires: [{ namespace: 'identity', job: 'nauthera-operator' }],
    },
    { when: 'half a day', series: { [blocked('a')]: '1x3000' }, at: '12h', fires: [] },
    { when: 'it ended', series: { [blocked('a')]: '1x1440 0x3000' }, at: '25h', fires: [] },
  ],
  NautheraResourcesNotReady: [
    {
      when: 'some are broken',
      series: { [resources('false', 'SecretNotFound')]: '2x240', [resources('true', 'Ready')]: '9x240' },
      at: '90m',
      fires: [{ kind: 'Client', reason: 'SecretNotFound' }],
    },
    { when: 'some are suspended', series: { [resources('false', 'Suspended')]: '2x240' }, at: '90m', fires: [] },
  ],
};

export const alertCases: readonly AlertCase[] = Object.entries(cases).flatMap(([alert, all]) =>
  all.map((one) => ({ alert, ...one })),
);
