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
