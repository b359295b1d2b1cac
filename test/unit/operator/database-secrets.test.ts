import { describe, expect, it } from 'vitest';
import { connectionsOf } from '../../../operator/src/controllers/database-secrets.ts';
import { aSecret, aServerResource } from './resources.ts';

const ref = (name: string) => ({ name });
const server = aServerResource({
  database: { secretRef: ref('serving'), operatorSecretRef: ref('operating'), migratorSecretRef: ref('owning') },
});
const urlOf = (user: string) => `postgres://${user}:canary@pg-rw.auth/app`;
const connections = (user: string) =>
  connectionsOf(server, {
    secretRef: aSecret('serving', { uri: urlOf(user) }),
    operatorSecretRef: aSecret('operating', { uri: urlOf('operates') }),
    migratorSecretRef: aSecret('owning', { uri: urlOf('owns') }),
  });

describe('authorities of the database that stand in an object of their own', () => {
  const pem = (name: string) => `-----BEGIN CERTIFICATE-----\n${name}\n-----END CERTIFICATE-----\n`;
  const secrets = {
    secretRef: aSecret('serving', { uri: urlOf('serves'), 'ca.crt': pem('beside') }),
    operatorSecretRef: aSecret('operating', { uri: urlOf('operates') }),
    migratorSecretRef: aSecret('owning', { uri: urlOf('owns') }),
  };
  const naming = (caBundleRef: object) =>
    aServerResource({ database: { ...server.spec.database, caBundleRef } }, { namespace: 'auth' });
  const secret = naming({ kind: 'Secret', name: 'pg-ca' });

  it('hold for every connection, in place of what stands beside its address', () => {
    const found = connectionsOf(secret, secrets, { data: { 'ca.crt': pem('own'), 'ca.key': 'key of the authority' } });
    expect(found).toMatchObject({ own: { ca: pem('own') }, migrator: { ca: pem('own') } });
    expect(JSON.stringify(found)).not.toContain('key of the authority');
  });
  it('are those of the Secrets where none are named', () => {
    expect(connectionsOf(server, secrets)).toMatchObject({ own: { ca: undefined }, migrator: { ca: undefined } });
  });
  it.each([
    [
      secret,
      undefined,
      'CaNotFound',
      'Secret "pg-ca" named in spec.database.caBundleRef does not exist in namespace auth. Waiting for it',
    ],
    [
      naming({ name: 'pg-ca' }),
      undefined,
      'CaNotFound',
      'ConfigMap "pg-ca" named in spec.database.caBundleRef does not exist in namespace auth. Waiting for it; for a Secret add kind: Secret',
    ],
    [
      naming({ name: 'pg-ca', key: 'root.pem' }),
      { 'ca.crt': pem('own') },
      'CaNotFound',
      'ConfigMap "pg-ca" has no key "root.pem" (keys: ca.crt). Add it, or name another key in spec.database.caBundleRef',
    ],
    [
      secret,
      { 'ca.crt': 'canary' },
      'DatabaseTlsFailed',
      'Secret "pg-ca", key "ca.crt": holds no certificate in PEM. Correct it, or spec.database.caBundleRef',
    ],
  ] as const)('%#: what they lack is said', (named, data, reason, message) => {
    expect(connectionsOf(named, secrets, data && { data })).toEqual({
      ready: { type: 'DatabaseReady', status: 'False', reason, message },
    });
  });
});

describe('A74: the users of three Secrets', () => {
  it('are the roles that get rights, as the database knows them', () => {
    expect(connections('team%40serves')).toMatchObject({ roles: { server: 'team@serves', operator: 'operates' } });
  });
  it.each(['a%zz', 'a%ff', 'a%00b'])('%s is none: a condition says so, and nothing is thrown', (user) => {
    const found = connections(user);
    expect(found).toMatchObject({
      ready: {
        status: 'False',
        reason: 'DatabaseLoginFailed',
        message: expect.stringContaining('Secret "serving", key "uri": the user holds a %') as string,
      },
    });
    expect(JSON.stringify(found)).not.toContain('canary');
  });
});
