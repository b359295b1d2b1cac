/** PURE. Rows of the dashboard on what a server depends on: directories, database, registry, keys, certificates. */
import type { Row } from './grafana.ts';
import { legendOf, maxBy, ofServer, quantileBy, rateBy, sumBy } from './queries.ts';

const rate = (counter: string, labels: readonly string[], more?: string) => rateBy(ofServer, counter, labels, more);
const sum = (gauge: string, labels: readonly string[]) => sumBy(ofServer, gauge, labels);
const max = (gauge: string, labels: readonly string[]) => maxBy(ofServer, gauge, labels);

export const directoryRow: Row = {
  title: 'Directory per server',
  panels: [
    {
      title: 'Servers that are asked',
      description:
        '1: asked. 0: skipped by at least one replica, since it failed. All of a directory 0: its users cannot sign in.',
      unit: 'none',
      redBelow: 1,
      queries: [
        {
          expression: `min by (directory, server) (nauthera_ldap_server_up{${ofServer}})`,
          legend: legendOf(['directory', 'server']),
        },
      ],
    },
    {
      title: 'Operations',
      description: 'A second, by directory and operation.',
      unit: 'ops',
      queries: [rate('nauthera_ldap_operation_duration_seconds_count', ['directory', 'operation'])],
    },
    {
      title: 'Operations that failed',
      description:
        'refused: the directory answered no, e.g. to a wrong password. failed: it did not answer, or not in time.',
      unit: 'ops',
      queries: [
        rate(
          'nauthera_ldap_operation_duration_seconds_count',
          ['server', 'operation', 'outcome'],
          'outcome!="success"',
        ),
      ],
    },
    {
      title: 'Duration of operations',
      description: '99th percentile by server and operation.',
      unit: 's',
      queries: [quantileBy(ofServer, 'nauthera_ldap_operation_duration_seconds', 0.99, ['server', 'operation'])],
    },
    {
      title: 'Connections',
      description: 'To each server, over all replicas.',
      unit: 'short',
      queries: [sum('nauthera_ldap_connections', ['server', 'state'])],
    },
    {
      title: 'Who waits for a connection',
      description: 'Above zero for long: the directory is slow, or allows too few connections.',
      unit: 'short',
      queries: [sum('nauthera_ldap_waiting', ['directory'])],
    },
    {
      title: 'Referrals',
      description:
        'A second: places elsewhere that a directory named. They are not followed, so nobody there can sign in.',
      unit: 'ops',
      queries: [rate('nauthera_ldap_references_ignored_total', ['directory'])],
    },
    {
      title: 'Signed-in users looked at again',
      description:
        'A second. ended: they left, and so did their sessions and grants. unknown: the directory could not be asked, or their entry not be read.',
      unit: 'ops',
      queries: [rate('nauthera_recheck_users_total', ['directory', 'outcome'])],
    },
    {
      title: 'Age of the last full look, in intervals',
      description:
        'How long ago everybody was looked at, by what spec.recheck asks for. From 3 on NautheraLeaverSweepLate fires; it also does where too many seem to have left at once.',
      unit: 'none',
      redFrom: 3,
      queries: [
        {
          expression: `(time() - max by (directory) (nauthera_recheck_last_success_timestamp_seconds{${ofServer}})) / max by (directory) (nauthera_recheck_interval_seconds{${ofServer}})`,
          legend: legendOf(['directory']),
        },
        {
          expression: `max by (directory) (nauthera_recheck_halted{${ofServer}})`,
          legend: 'halted: {{directory}}',
        },
      ],
    },
  ],
};

export const databaseRow: Row = {
  title: 'Database, registry',
  panels: [
    {
      title: 'Connections of the pool',
      description: 'Over all replicas. Must stay below what Postgres allows.',
      unit: 'short',
      stacked: true,
      queries: [sum('nauthera_db_pool_connections', ['state'])],
    },
    {
      title: 'Requests that wait for a connection',
      description: 'Above zero for five minutes NautheraDatabasePoolFull fires.',
      unit: 'short',
      redFrom: 1,
      queries: [max('nauthera_db_pool_waiting', ['instance'])],
    },
    {
      title: 'Errors of the database',
      description: 'By SQLSTATE. 08 and 57P: away or restarting. 53300: too many connections. 28: credentials.',
      unit: 'ops',
      queries: [rate('nauthera_db_errors_total', ['class'])],
    },
    {
      title: 'Slowest statements',
      description: '99th percentile, the ten slowest.',
      unit: 's',
      width: 12,
      queries: [
        {
          expression: `topk(10, ${quantileBy(ofServer, 'nauthera_db_query_duration_seconds', 0.99, ['statement']).expression})`,
          legend: legendOf(['statement']),
        },
      ],
    },
    {
      title: 'Most frequent statements',
      description: 'A second, the ten most frequent.',
      unit: 'ops',
      width: 12,
      queries: [
        {
          expression: `topk(10, ${rate('nauthera_db_query_duration_seconds_count', ['statement']).expression})`,
          legend: legendOf(['statement']),
        },
      ],
    },
    {
      title: 'Since the registry was confirmed',
      description: 'By replica. Above 10 s a replica issues nothing; after a minute NautheraRegistryStale fires.',
      unit: 's',
      width: 6,
      redFrom: 10,
      queries: [max('nauthera_registry_seconds_since_confirmed', ['instance'])],
    },
    {
      title: 'Revision that is served',
      description: 'By replica. Lines that part for more than a second: a replica is behind.',
      unit: 'none',
      width: 6,
      queries: [max('nauthera_registry_revision', ['instance'])],
    },
    {
      title: 'Registrations',
      description: 'By kind. rejected: left out by at least one replica; the log of that replica says why.',
      unit: 'short',
      width: 6,
      queries: [
        max('nauthera_registry_entries', ['kind']),
        { ...max('nauthera_registry_rejected', ['kind']), legend: 'rejected {{kind}}' },
      ],
    },
    {
      title: 'Expired rows removed',
      description: 'By table. Nothing for a day: the sweep does not run, and tables grow.',
      unit: 'ops',
      width: 6,
      queries: [rate('nauthera_sweep_rows_total', ['table'])],
    },
  ],
};

export const keysRow: Row = {
  title: 'Keys, certificates',
  panels: [
    {
      title: 'Signing keys',
      description: 'By algorithm and state. One active of each, always.',
      unit: 'short',
      queries: [max('nauthera_signing_keys', ['alg', 'state'])],
    },
    {
      title: 'Until the next signing key',
      description: 'More than an hour below zero NautheraKeyRotationLate fires.',
      unit: 's',
      signed: true,
      queries: [
        {
          expression: `min by (alg) (nauthera_signing_key_next_rotation_timestamp_seconds{${ofServer}}) - time()`,
          legend: legendOf(['alg']),
        },
      ],
    },
    {
      title: 'Duration of signing',
      description: '99th percentile by algorithm, the wait for a free thread included.',
      unit: 's',
      queries: [quantileBy(ofServer, 'nauthera_signing_duration_seconds', 0.99, ['alg'])],
    },
    {
      title: 'Until certificates expire',
      description: 'By use. Below 14 days NautheraCertificateExpiring fires; generated ones are renewed at 30.',
      unit: 's',
      width: 12,
      signed: true,
      redBelow: 1_209_600,
      queries: [
        {
          expression: `min by (job, use) (nauthera_tls_certificate_expiry_timestamp_seconds{${ofServer}}) - time()`,
          legend: legendOf(['job', 'use']),
        },
      ],
    },
    {
      title: 'Clock against the database',
      description: 'By replica. Above 5 s NautheraClockSkew fires.',
      unit: 's',
      width: 12,
      redFrom: 5,
      queries: [
        {
          expression: `max by (instance) (abs(nauthera_clock_skew_seconds{${ofServer}}))`,
          legend: legendOf(['instance']),
        },
      ],
    },
  ],
};
