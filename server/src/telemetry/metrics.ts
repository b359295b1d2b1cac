/**
 * Metrics of the server. Base units, `_total` on counters. No label holds a client id, a user, a URI or free text: label
 * values come from closed unions, except `directory`, which is an LdapBinding's `namespace/name`.
 */
import { collectDefaultMetrics, Gauge, type Registry } from 'prom-client';
import type { AuditEventName } from './audit.ts';
import { type CounterTally, counterTally, type HistogramTally, histogramTally } from './tally.ts';
import { tellZeros } from './told-as-zero.ts';

const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

export interface Metrics {
  readonly registry: Registry;
  readonly httpDuration: HistogramTally<'http_request_method' | 'http_route' | 'http_response_status_code'>;
  readonly tokenRequests: CounterTally<'grant_type' | 'client_auth_method' | 'outcome'>;
  readonly tokensIssued: CounterTally<'kind' | 'format' | 'grant_type'>;
  readonly authorizationRequests: CounterTally<'response_type' | 'outcome'>;
  readonly clientAuthenticationFailures: CounterTally<'method' | 'reason'>;
  readonly introspections: CounterTally<'outcome'>;
  readonly revocations: CounterTally<'outcome'>;
  readonly refreshReuse: CounterTally<'result'>;
  readonly grantsEnded: CounterTally<'cause'>;
  readonly logins: CounterTally<'directory' | 'outcome'>;
  readonly consents: CounterTally<'outcome'>;
  readonly deviceAuthorizations: CounterTally<'outcome'>;
  readonly rateLimited: CounterTally<'limiter'>;
  readonly requestsShed: CounterTally<'reason'>;
  readonly signingDuration: HistogramTally<'alg'>;
  readonly signingKeys: Gauge<'alg' | 'state'>;
  readonly signingKeyNextRotation: Gauge<'alg'>;
  readonly auditEvents: CounterTally<'event'>;
  readonly auditWriteFailures: CounterTally<never>;
  readonly registryRevision: Gauge;
  readonly registryConfirmed: Gauge;
  readonly registryEntries: Gauge<'kind'>;
  readonly registryRejected: Gauge<'kind'>;
  readonly clockSkew: Gauge;
  readonly tlsCertificateExpiry: Gauge<'use'>;
  readonly databaseErrors: CounterTally<'class'>;
  readonly databaseDuration: HistogramTally<'statement'>;
  readonly databaseConnections: Gauge<'state'>;
  readonly databaseWaiting: Gauge;
  readonly ldapDuration: HistogramTally<'directory' | 'server' | 'operation' | 'outcome'>;
  readonly ldapReferences: CounterTally<'directory'>;
  readonly ldapServerUp: Gauge<'directory' | 'server'>;
  readonly ldapConnections: Gauge<'directory' | 'server' | 'state'>;
  readonly ldapWaiting: Gauge<'directory'>;
  readonly recheckUsers: CounterTally<'directory' | 'outcome'>;
  readonly recheckLastSuccess: Gauge<'directory'>;
  readonly recheckInterval: Gauge<'directory'>;
  readonly recheckHalted: Gauge<'directory'>;
  readonly sweptRows: CounterTally<'table'>;
  readonly logoutDeliveries: CounterTally<'outcome'>;
  readonly logoutPending: Gauge;
  /** Called once: what a build is. */
  readonly buildInfo: Gauge<'component' | 'version' | 'revision'>;
  /** Counts one audit event. */
  countAudit(event: AuditEventName): void;
}

/** Registers every metric in `registry`; a registry that holds them already (two servers in one process) is refused by the library. */
export function createMetrics(registry: Registry): Metrics {
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, ...labelNames: L[]): CounterTally<L> =>
    counterTally({ name: `nauthera_${name}`, help, labelNames, registers });
  const gauge = <L extends string>(name: string, help: string, ...labelNames: L[]): Gauge<L> =>
    new Gauge({ name: `nauthera_${name}`, help, labelNames, registers });
  const histogram = <L extends string>(name: string, help: string, ...labelNames: L[]): HistogramTally<L> =>
    histogramTally({ name, help, labelNames, registers, buckets });

  const auditEvents = counter('audit_events_total', 'Audit events', 'event');
  const metrics: Metrics = {
    registry,
    httpDuration: histogram(
      'http_server_request_duration_seconds',
      'Duration of HTTP requests',
      'http_request_method',
      'http_route',
      'http_response_status_code',
    ),
    tokenRequests: counter('token_requests_total', 'Token requests', 'grant_type', 'client_auth_method', 'outcome'),
    tokensIssued: counter('tokens_issued_total', 'Tokens issued', 'kind', 'format', 'grant_type'),
    authorizationRequests: counter(
      'authorization_requests_total',
      'Authorization requests',
      'response_type',
      'outcome',
    ),
    clientAuthenticationFailures: counter(
      'client_auth_failures_total',
      'Failed client authentications',
      'method',
      'reason',
    ),
    introspections: counter('introspections_total', 'Introspections', 'outcome'),
    revocations: counter('revocations_total', 'Revocations', 'outcome'),
    refreshReuse: counter('refresh_reuse_total', 'Refresh tokens that came again', 'result'),
    grantsEnded: counter('grants_ended_total', 'Grants that ended', 'cause'),
    logins: counter('logins_total', 'Sign-ins', 'directory', 'outcome'),
    consents: counter('consents_total', 'Consents', 'outcome'),
    deviceAuthorizations: counter('device_authorizations_total', 'Device authorizations', 'outcome'),
    rateLimited: counter('rate_limited_total', 'Requests refused by a limiter', 'limiter'),
    requestsShed: counter('requests_shed_total', 'Requests shed by load', 'reason'),
    signingDuration: histogram('nauthera_signing_duration_seconds', 'From the wish to sign until the signature', 'alg'),
    signingKeys: gauge('signing_keys', 'Signing keys', 'alg', 'state'),
    signingKeyNextRotation: gauge(
      'signing_key_next_rotation_timestamp_seconds',
      'When the next signing key is due',
      'alg',
    ),
    auditEvents,
    auditWriteFailures: counter(
      'audit_write_failures_total',
      'Statements with an audit row that failed: neither it nor what it tells of is stored',
    ),
    registryRevision: gauge('registry_revision', 'Registry revision that this replica serves'),
    registryConfirmed: gauge('registry_seconds_since_confirmed', 'Seconds since revision and keys were confirmed'),
    registryEntries: gauge('registry_entries', 'Registrations served', 'kind'),
    registryRejected: gauge('registry_rejected', 'Registrations that this replica left out', 'kind'),
    clockSkew: gauge('clock_skew_seconds', 'Our clock minus that of the database'),
    tlsCertificateExpiry: gauge(
      'tls_certificate_expiry_timestamp_seconds',
      'When the first certificate of the chain that is shown expires',
      'use',
    ),
    databaseErrors: counter('db_errors_total', 'Database errors', 'class'),
    databaseDuration: histogram('nauthera_db_query_duration_seconds', 'Duration of statements', 'statement'),
    databaseConnections: gauge('db_pool_connections', 'Connections of the pool of the database', 'state'),
    databaseWaiting: gauge('db_pool_waiting', 'Who waits for a connection of the pool of the database'),
    ldapReferences: counter(
      'ldap_references_ignored_total',
      'Places elsewhere that a directory named, and that were not followed',
      'directory',
    ),
    ldapDuration: histogram(
      'nauthera_ldap_operation_duration_seconds',
      'Duration of LDAP operations',
      'directory',
      'server',
      'operation',
      'outcome',
    ),
    ldapServerUp: gauge('ldap_server_up', 'Whether an LDAP server is asked (1) or skipped (0)', 'directory', 'server'),
    ldapConnections: gauge('ldap_connections', 'Connections to an LDAP server', 'directory', 'server', 'state'),
    ldapWaiting: gauge('ldap_waiting', 'Who waits for a connection to a directory', 'directory'),
    logoutDeliveries: counter('logout_deliveries_total', 'Logout tokens sent to applications', 'outcome'),
    logoutPending: gauge('logout_pending', 'Applications that still have to be told of a logout'),
    recheckUsers: counter(
      'recheck_users_total',
      'Signed-in users looked at by the sweep for leavers',
      'directory',
      'outcome',
    ),
    recheckLastSuccess: gauge(
      'recheck_last_success_timestamp_seconds',
      'When the sweep for leavers last looked at everybody and ended those who left',
      'directory',
    ),
    recheckInterval: gauge('recheck_interval_seconds', 'How often everybody is to be looked at', 'directory'),
    recheckHalted: gauge(
      'recheck_halted',
      'Whether the sweep for leavers ends nobody (1), as it would end too many',
      'directory',
    ),
    sweptRows: counter('sweep_rows_total', 'Expired rows removed', 'table'),
    buildInfo: gauge('build_info', 'What runs', 'component', 'version', 'revision'),
    countAudit: (event) => auditEvents.inc({ event }),
  };
  tellZeros(metrics);
  return metrics;
}

/** `process_*` and `nodejs_*`, once per registry and process. */
export function collectProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry });
}
