import { describe, expect, it } from 'vitest';
import { standing } from '../../../crds/src/index.ts';
import { explainFailure } from '../../../operator/src/controllers/database-failure.ts';
import { refuseUrl } from '../../../operator/src/controllers/database-url.ts';
import {
  DatabaseUnavailable,
  DatabaseVersionUnsupported,
  DirectConnectionNeeded,
  MigrationFailed,
} from '../../../server/src/registry/index.ts';

const where = 'Secret "pg", key "uri"';
const secret = 'canary-password';
const url = (query = '') => `postgresql://app:${secret}@pg-rw.auth:5432/app${query}`;

describe('A76: the database URL of a tenant', () => {
  it.each([
    url(),
    url('?sslmode=verify-full'),
    url('?sslmode=require&application_name=x'),
    url('?sslmode=disable'),
    'postgres://app@[::1]/app',
    'postgres://a%40b:100%25@pg-rw.auth/app',
    'postgres://app:100%sure@pg-rw.auth/app',
  ])('%s is taken', (text) => expect(refuseUrl(text, where)).toBeUndefined());

  it.each([
    ['a file as certificate', url('?sslcert=/etc/passwd'), 'DatabaseTlsFailed', 'parameter sslcert is not taken'],
    ['a file as key', url('?sslmode=verify-full&sslkey=/proc/self/environ'), 'DatabaseTlsFailed', 'parameter sslkey'],
    [
      'a file as CA',
      url('?sslrootcert=/var/run/secrets/kubernetes.io/serviceaccount/token'),
      'DatabaseTlsFailed',
      'ca.crt',
    ],
    ['no check of the certificate', url('?sslmode=no-verify'), 'DatabaseTlsFailed', 'checks no certificate'],
    ['TLS if it happens to be there', url('?sslmode=allow'), 'DatabaseTlsFailed', 'checks no certificate'],
    ['what libpq means by require', url('?uselibpqcompat=true&sslmode=require'), 'DatabaseTlsFailed', 'uselibpqcompat'],
    ['TLS by another name', url('?ssl=no-verify'), 'DatabaseTlsFailed', 'parameter ssl is not taken'],
    ['another host', url('?host=/var/run/postgresql'), 'DatabaseLoginFailed', 'parameter host is not taken'],
    ['other session options', url('?options=-c%20search_path=x'), 'DatabaseLoginFailed', 'parameter options'],
    ['a password file', url('?passfile=/etc/pgpass'), 'DatabaseLoginFailed', 'parameter passfile'],
    ['other limits', url('?query_timeout=1'), 'DatabaseLoginFailed', 'parameter query_timeout'],
    [
      'a socket of this machine',
      `postgres://app:${secret}@%2Fvar%2Frun/app`,
      'DatabaseLoginFailed',
      'Write postgres://',
    ],
    [
      'a user with a % that begins no escape',
      `postgres://a%zz:${secret}@pg-rw.auth/app`,
      'DatabaseLoginFailed',
      'the user holds a %',
    ],
    ['a user of no text', `postgres://a%ff:${secret}@pg-rw.auth/app`, 'DatabaseLoginFailed', 'the user holds a %'],
    [
      'a user that goes on behind its end',
      `postgres://a%00b:${secret}@pg-rw.auth/app`,
      'DatabaseLoginFailed',
      'the user holds a %',
    ],
    ['a password of no text', `postgres://app:${secret}%ff@pg-rw.auth/app`, 'DatabaseLoginFailed', 'an escape'],
    ['a database of no text', `postgres://app:${secret}@pg-rw.auth/a%ff`, 'DatabaseLoginFailed', 'an escape'],
    ['no user: that of this process', 'postgres://pg-rw.auth/app', 'DatabaseLoginFailed', 'must name user'],
    ['no database', `postgres://app:${secret}@pg-rw.auth`, 'DatabaseLoginFailed', 'must name user'],
    ['an embedded database', 'pglite:/var/lib/x', 'DatabaseLoginFailed', 'is no Postgres URL'],
    ['no URL at all', secret, 'DatabaseLoginFailed', 'is no Postgres URL'],
  ])('with %s is refused', (_, text, reason, message) => {
    const refused = refuseUrl(text, where);
    expect(refused).toMatchObject({ reason, message: expect.stringContaining(message) });
    expect(standing('AuthorizationServer', 'DatabaseReady', refused?.reason ?? '')).toBe('Stalled');
    expect(refused?.message).toContain(where);
    expect(refused?.message).not.toContain(secret);
    expect(refused?.message.length).toBeLessThanOrEqual(250);
  });
});

const answer = (code: string, message = 'x') => Object.assign(new Error(message), { code, severity: 'FATAL' });
const away = (cause: unknown) => new DatabaseUnavailable(`the database refused ${secret}`, { cause });

describe('why a database cannot be used', () => {
  it.each<readonly [string, unknown, string, string]>([
    ['a wrong password', away(answer('28P01')), 'DatabaseLoginFailed', 'refused the user and password'],
    ['no such role', away(answer('28000')), 'DatabaseLoginFailed', 'refused the user and password'],
    ['no such database', away(answer('3D000')), 'DatabaseLoginFailed', 'does not exist on its server'],
    [
      'TLS is demanded',
      away(answer('28000', 'no pg_hba.conf entry, no encryption')),
      'DatabaseTlsFailed',
      'without TLS',
    ],
    [
      'no TLS there',
      away(new Error('The server does not support SSL connections')),
      'DatabaseTlsFailed',
      'speaks no TLS',
    ],
    ['an unknown CA', away(answer('SELF_SIGNED_CERT_IN_CHAIN')), 'DatabaseTlsFailed', 'not trusted'],
    ['another name', away(answer('ERR_TLS_CERT_ALTNAME_INVALID')), 'DatabaseTlsFailed', 'not trusted'],
    ['no rights', new MigrationFailed('x', { cause: answer('42501') }), 'DatabasePermissionMissing', 'owner'],
    [
      'an old server',
      new DatabaseVersionUnsupported('this is Postgres 14.2; 15 or newer is needed'),
      'DatabaseVersionUnsupported',
      'this is Postgres 14.2; 15 or newer is needed',
    ],
    ['a pooler', new DirectConnectionNeeded(), 'MigrationFailed', 'direct-uri'],
    [
      'a migration that fails',
      new MigrationFailed('0002_flows: first line\nlast line', { cause: answer('22000') }),
      'MigrationFailed',
      'a migration failed: last line',
    ],
    ['nobody listens', away(answer('ECONNREFUSED')), 'DatabaseUnreachable', '(ECONNREFUSED)'],
    [
      'nobody listens on any address',
      away(new AggregateError([answer('ECONNREFUSED')])),
      'DatabaseUnreachable',
      '(ECONNREFUSED)',
    ],
    ['no answer', away(new Error(`timeout for ${secret}`)), 'DatabaseUnreachable', 'does not answer. Waiting'],
  ])('%s', (_, error, reason, message) => {
    const found = explainFailure(error, 'pg');
    expect(found).toMatchObject({ reason, message: expect.stringContaining(message) });
    expect(found.message).not.toContain(secret);
    expect(['Reconciling', 'Stalled']).toContain(standing('AuthorizationServer', 'DatabaseReady', found.reason));
  });
});
