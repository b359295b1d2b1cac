/** PURE. The alerts. A test compares each metric, label and value in them with what the programs print. */
import type { Alert, AlertGroup } from './alert.ts';

const where = '{{ $labels.namespace }}/{{ $labels.job }}';
const replica = '{{ $labels.instance }}';

const service: readonly Alert[] = [
  {
    name: 'NautheraServerDown',
    severity: 'critical',
    for: '2m',
    // The first part sees that no server is left (where an operator says that there is none to look after, none is missed),
    // the second that one of several answers no scrape on any pod.
    expression: [
      'absent(nauthera_build_info{component="server"})',
      'unless on () (absent(nauthera_resources{kind="AuthorizationServer"}) and on () max(nauthera_build_info{component="operator"}))',
      'or max by (namespace, job) (up and on (namespace, job) last_over_time(nauthera_build_info{component="server"}[1d])) == 0',
    ].join(' '),
    summary: 'No pod of an authorization server answers',
    description: `No pod of {{ if $labels.job }}the server ${where}{{ else }}any server{{ end }} has answered Prometheus for two minutes: nobody signs in, no token is issued. First: kubectl get pods -A -l app.kubernetes.io/name=nauthera-server`,
  },
  {
    name: 'NautheraTokenErrors',
    severity: 'critical',
    for: '5m',
    // For each server: one that fails altogether would drown among busier ones.
    expression: [
      'sum by (namespace, job) (rate(nauthera_token_requests_total{outcome=~"server_error|temporarily_unavailable"}[5m]))',
      '/ sum by (namespace, job) (rate(nauthera_token_requests_total[5m])) > 0.01',
    ].join(' '),
    summary: 'Token requests fail for a reason of our own',
    description: `{{ $value | humanizePercentage }} of the token requests to ${where} fail with server_error or temporarily_unavailable. First: the rows "Directory per server" and "Database, registry" of the dashboard; one of the two is usually red.`,
  },
  {
    name: 'NautheraDirectoryDown',
    severity: 'critical',
    for: '2m',
    // For each authorization server: one may be cut off from a directory that others reach.
    expression: 'max by (namespace, job, directory) (nauthera_ldap_server_up) == 0',
    summary: 'A directory is down',
    description: `No LDAP server of the directory {{ $labels.directory }} answers ${where}: its users cannot sign in, and refresh tokens whose consent is verified wait. First: kubectl describe ldapbinding, then ask the directory from that network.`,
  },
  {
    name: 'NautheraDirectoryServerDown',
    severity: 'warning',
    for: '10m',
    expression: 'nauthera_ldap_server_up == 0',
    summary: 'One server of a directory is skipped',
    description: `${replica} skips {{ $labels.server }} of the directory {{ $labels.directory }} since it fails; others of that directory are asked in its place. First: is that host up, and its certificate valid?`,
  },
  {
    name: 'NautheraLeaverSweepLate',
    severity: 'critical',
    for: '5m',
    // The newest word of any replica: each tells what all of them found.
    expression: [
      'time() - max by (namespace, job, directory) (nauthera_recheck_last_success_timestamp_seconds)',
      '> 3 * max by (namespace, job, directory) (nauthera_recheck_interval_seconds) + 60',
      'or max by (namespace, job, directory) (nauthera_recheck_halted) == 1',
    ].join(' '),
    summary: 'Users who left may still be signed in',
    description: `Signed-in users of the directory {{ $labels.directory }} are looked at too late by ${where}, or nobody's access is ended since too many seem to have left at once. First: kubectl describe ldapbinding; SweepStopped says how many, everything else is a directory that does not answer.`,
  },
  {
    name: 'NautheraRegistryStale',
    severity: 'critical',
    for: '1m',
    expression: 'nauthera_registry_seconds_since_confirmed > 10',
    summary: 'A replica has lost the database',
    description: `${replica} has not confirmed clients and keys for {{ $value | humanizeDuration }}: it issues nothing until it can. First: does Postgres answer, and are its credentials still good?`,
  },
  {
    name: 'NautheraClockSkew',
    severity: 'critical',
    for: '1m',
    expression: 'abs(nauthera_clock_skew_seconds) > 5',
    summary: 'The clocks of a replica and the database differ',
    description: `The clock of ${replica} is {{ $value | humanizeDuration }} away from that of the database: applications refuse tokens as issued in the future, or as expired. First: the time service of that node and of the database.`,
  },
  {
    name: 'NautheraDatabasePoolFull',
    severity: 'warning',
    for: '5m',
    expression: 'nauthera_db_pool_waiting > 0',
    summary: 'Requests wait for a connection to the database',
    description: `{{ $value }} requests wait at ${replica}, at each look for five minutes: the database is slow, or there are too few connections. First: durations of statements in the row "Database, registry".`,
  },
  {
    name: 'NautheraLogoutStuck',
    severity: 'warning',
    for: '30m',
    expression: 'nauthera_logout_pending > 100',
    summary: 'Applications are not told of logouts',
    description: `{{ $value }} logout tokens wait for applications that do not take them: their users stay signed in there. First: which hosts do they go to, and does the network policy of the server admit that?`,
  },
];

const keys: readonly Alert[] = [
  {
    name: 'NautheraKeyRotationLate',
    severity: 'warning',
    for: '15m',
    expression: 'time() - nauthera_signing_key_next_rotation_timestamp_seconds > 3600',
    summary: 'A signing key is overdue for rotation',
    description: `The next {{ $labels.alg }} key of ${where} should have been published {{ $value | humanizeDuration }} ago. The old key goes on to sign, so nothing breaks yet. First: kubectl describe authorizationserver, condition KeysReady, then the log of the servers, logger "keys".`,
  },
  {
    name: 'NautheraCertificateExpiring',
    severity: 'warning',
    for: '1h',
    expression: 'nauthera_tls_certificate_expiry_timestamp_seconds - time() < 14*86400',
    summary: 'A certificate expires within two weeks',
    description: `The certificate ({{ $labels.use }}) that ${replica} shows expires in {{ $value | humanizeDuration }} and was not renewed. First: the log of the operator; with tls.mode Secret, whoever writes that Secret.`,
  },
];

const abuse: readonly Alert[] = [
  {
    name: 'NautheraReplayDetected',
    severity: 'warning',
    // The sum: one thief meets several replicas.
    expression: 'sum by (namespace, job) (increase(nauthera_refresh_reuse_total{result="replay"}[15m])) > 20',
    summary: 'Refresh tokens come again after they were used',
    description: `{{ $value | humanize }} used refresh tokens came again at ${where} within 15 minutes; each ended its grant. A stolen store of tokens, or an application that keeps the wrong one. First: audit events replay.detected, by client.id.`,
  },
  {
    name: 'NautheraLoginFlood',
    severity: 'warning',
    for: '10m',
    expression: 'sum(rate(nauthera_rate_limited_total{limiter=~"login_.*"}[10m])) > 1',
    summary: 'Somebody tries passwords',
    description:
      '{{ $value | humanize }} sign-ins a second are refused by the limits for accounts and addresses. First: audit events login.failed, by client.address; block at the edge what stands out.',
  },
];

const operator: readonly Alert[] = [
  {
    name: 'NautheraNoLeader',
    severity: 'warning',
    for: '2m',
    expression: '(max(leader_election_master_status{name="nauthera-operator"}) or vector(0)) < 1',
    summary: 'No operator leads',
    description:
      'Changes of resources have no effect, and nothing is repaired or rotated; servers go on as they are. First: kubectl get pods,lease -n <namespace of the operator>, then the log of its pods.',
  },
  {
    name: 'NautheraReconcileErrors',
    severity: 'warning',
    for: '15m',
    // Every operator made with controller-runtime has metrics of that name: ours are meant.
    expression: [
      'sum by (controller) (rate(controller_runtime_reconcile_errors_total[10m])',
      'and on (job, instance) nauthera_build_info{component="operator"}) > 0.05',
    ].join(' '),
    summary: 'The operator keeps failing',
    description:
      'Passes over resources of the kind {{ $labels.controller }} fail {{ $value | humanize }} times a second. First: the log of the leading operator, level error, by nauthera.kind.',
  },
  {
    name: 'NautheraRotationBlocked',
    severity: 'warning',
    for: '24h',
    // Only the leader counts. The maximum over a while holds when another takes over, which would begin the day anew.
    expression: 'max by (namespace, job) (max_over_time(nauthera_secret_rotations_blocked[15m])) > 0',
    summary: 'Rotations of client secrets do not end',
    description:
      'For a day {{ $value }} Clients have had a rotation that cannot end, most often because the old secret is still in use. First: kubectl describe clients -A, condition RotationBlocked.',
  },
  {
    name: 'NautheraResourcesNotReady',
    severity: 'warning',
    for: '1h',
    expression: 'sum by (kind, reason) (nauthera_resources{ready="false",reason!="Suspended"}) > 0',
    summary: 'Resources are not ready',
    description:
      '{{ $value }} resources of the kind {{ $labels.kind }} have been not ready with {{ $labels.reason }}. First: kubectl get nauthera -A; the message of each says what to do.',
  },
];

export const alertGroups: readonly AlertGroup[] = [
  { name: 'nauthera.service', alerts: service },
  { name: 'nauthera.keys', alerts: keys },
  { name: 'nauthera.abuse', alerts: abuse },
  { name: 'nauthera.operator', alerts: operator },
];
