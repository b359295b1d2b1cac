import { describe, expect, it } from 'vitest';
import { epochSeconds, seconds } from '../../../server/src/protocol/time.ts';
import { accessTokenClaims, audiencesOf } from '../../../server/src/tokens/access-token.ts';
import { idTokenClaims } from '../../../server/src/tokens/id-token.ts';
import { createTokenIssuer, type Issuance } from '../../../server/src/tokens/issue.ts';
import { aClient, aServer } from '../../support/builders.ts';

const now = epochSeconds(1_800_000_000);

describe('RFC 9068 §2.2: an access token', () => {
  const fields = {
    issuer: 'https://id.example.com',
    subject: 'u_1',
    clientId: 'shop.web',
    audiences: ['https://api'],
    scopes: ['a', 'b'],
    issuedAt: now,
    lifetime: seconds(300),
    tokenId: 't',
  };

  it('of a client alone', () =>
    expect(accessTokenClaims({ ...fields, subject: 'shop.web', scopes: [] })).toEqual({
      iss: 'https://id.example.com',
      sub: 'shop.web',
      aud: 'https://api',
      client_id: 'shop.web',
      iat: now,
      exp: now + 300,
      jti: 't',
    }));

  it('of a user names grant and session, so that a revocation finds it', () =>
    expect(
      accessTokenClaims({
        ...fields,
        audiences: ['https://api', 'https://other'],
        grant: { id: 'g', sid: 's', authTime: epochSeconds(now - 5) },
      }),
    ).toMatchObject({
      aud: ['https://api', 'https://other'],
      scope: 'a b',
      auth_time: now - 5,
      grant_id: 'g',
      sid: 's',
    }));

  it.each([
    [[], [], ['shop.web']],
    [['https://api'], [], ['https://api']],
    [['https://api'], ['https://scope', 'https://api'], ['https://api', 'https://scope']],
  ])('§3: audiences %j and %j of scopes are %j', (own, scopes, expected) =>
    expect(audiencesOf({ client_id: 'shop.web', access_token_audiences: own }, scopes)).toEqual(expected),
  );
});

describe('OpenID Connect Core §2: an ID token', () => {
  const fields = {
    issuer: 'https://id.example.com',
    subject: 'u_1',
    clientId: 'shop.web',
    issuedAt: now,
    lifetime: seconds(300),
    authTime: epochSeconds(now - 5),
    nonce: undefined,
    sid: undefined,
    claims: {},
  };

  it('has no nonce and no sid unless there is one', () =>
    expect(idTokenClaims(fields)).toEqual({
      iss: 'https://id.example.com',
      sub: 'u_1',
      aud: 'shop.web',
      iat: now,
      exp: now + 300,
      auth_time: now - 5,
    }));

  it('returns nonce and sid', () =>
    expect(idTokenClaims({ ...fields, nonce: 'n', sid: 's' })).toMatchObject({ nonce: 'n', sid: 's' }));

  it('A36: what a directory maps to a reserved name is left out', () => {
    const claims = { sub: 'u_admin', iss: 'x', nonce: 'x', sid: 'x', azp: 'x', events: {}, groups: ['staff'] };
    expect(idTokenClaims({ ...fields, claims })).toEqual({ ...idTokenClaims(fields), groups: ['staff'] });
  });
});

describe('the answer of the token endpoint', () => {
  const issue = (issuance: Partial<Issuance>) => {
    const signed: { algorithm: string; type: string; claims: Readonly<Record<string, unknown>> }[] = [];
    const issuer = createTokenIssuer({
      signer: {
        sign: (algorithm, type, claims) => {
          signed.push({ algorithm, type, claims });
          return Promise.resolve(`jwt-${signed.length}`);
        },
      },
      clock: { now: () => now },
      server: () => aServer(),
      audiencesOfScope: (scope) => (scope === 'orders' ? ['https://orders'] : []),
      subjectOf: ({ sector_identifier: sector }, subject) =>
        sector === undefined ? subject : `${subject} for ${sector}`,
      sessionNames: {
        told: ({ sector_identifier: sector }, id) => (sector === undefined ? id : `${id} for ${sector}`),
      },
    });
    const base: Issuance = { client: aClient().build(), subject: 'u_1', scopes: [], user: null };
    return issuer.answer({ ...base, ...issuance }).then((response) => ({ response, signed }));
  };
  const user = { grantId: 'g', sessionId: 's', authTime: now, nonce: 'n', idTokenClaims: { groups: ['staff'] } };

  it('a client alone gets an access token, signed with the first algorithm', async () => {
    const { response, signed } = await issue({});
    expect(response).toEqual({ access_token: 'jwt-1', token_type: 'Bearer', expires_in: 300 });
    expect(signed).toMatchObject([{ algorithm: 'ES256', type: 'at+jwt', claims: { aud: 'shop.web' } }]);
  });

  it('an opaque access token goes out as it was stored, and nothing is signed for it', async () => {
    const client = aClient().with({ access_token_format: 'opaque' }).build();
    const { response, signed } = await issue({ client, opaqueToken: 'stored' });
    expect([response.access_token, signed]).toEqual(['stored', []]);
  });

  it.each([
    ['opaque, without a stored one', { access_token_format: 'opaque' } as const, {}],
    ['a JWT, with a stored one', {}, { opaqueToken: 'stored' }],
  ])('never issues a format that the client does not want: %s', async (_title, more, issuance) => {
    await expect(issue({ client: aClient().with(more).build(), ...issuance })).rejects.toThrow(/format/);
  });

  it('Core §8.1: every token of a pairwise client tells its own subject, and a client alone is itself', async () => {
    const client = aClient().with({ subject_type: 'pairwise', sector_identifier: 'shop.example.com' }).build();
    const { signed } = await issue({ client, user, scopes: ['openid'] });
    expect(signed.map(({ claims }) => claims.sub)).toEqual(['u_1 for shop.example.com', 'u_1 for shop.example.com']);
    const alone = await issue({ client, subject: client.client_id });
    expect(alone.signed.map(({ claims }) => claims.sub)).toEqual([client.client_id]);
  });

  it('a user with openid gets an ID token by the algorithm of the client, and scope is said', async () => {
    const { response, signed } = await issue({ user, scopes: ['openid', 'orders'], refreshToken: 'r' });
    expect(response).toEqual({
      access_token: 'jwt-1',
      token_type: 'Bearer',
      expires_in: 300,
      scope: 'openid orders',
      refresh_token: 'r',
      id_token: 'jwt-2',
    });
    expect(signed).toMatchObject([
      { algorithm: 'ES256', type: 'at+jwt', claims: { aud: 'https://orders', sid: 's' } },
      { algorithm: 'RS256', type: 'JWT', claims: { aud: 'shop.web', nonce: 'n', groups: ['staff'] } },
    ]);
  });

  it('without openid there is no ID token', async () => {
    const { response } = await issue({ user, scopes: ['orders'] });
    expect(response.id_token).toBeUndefined();
    expect(JSON.stringify(response)).not.toContain('id_token');
  });

  it('the lifetime of the client wins', async () => {
    const client = aClient().with({ access_token_lifetime: 60 }).build();
    const { response, signed } = await issue({ client });
    expect(response.expires_in).toBe(60);
    expect(signed[0]?.claims.exp).toBe(now + 60);
  });
});
