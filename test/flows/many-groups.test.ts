import { decodeJwt } from 'jose';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { authorize, codeFields, issuer, World, webApp } from '../support/world.ts';

/** OpenID Connect Core §5.6.2: what an ID token leaves out, and where it is. */
let world: World;
beforeAll(async () => {
  world = await World.open({ clients: [webApp('shop.web', { id_token_claims: ['groups', 'name'] })] });
});
afterAll(() => world?.stop());

const groups = (count: number) => Array.from({ length: count }, (_, index) => `group-${index}`);

it.each([
  [200, 'are in the ID token'],
  [201, 'are at the userinfo endpoint alone, and the ID token says so'],
])('%i groups %s', async (count) => {
  const name = `in-${count}`;
  world.memory.add(name, { groups: groups(count) });
  const { code } = await authorize(world.browser(), { scope: 'openid profile groups' }, name);
  const { body } = await world.token(codeFields(code));
  const claims = decodeJwt(body.id_token ?? '');
  const userinfo = await world.fetch(`${issuer}/userinfo`, {
    headers: { authorization: `Bearer ${body.access_token}` },
  });
  expect(((await userinfo.json()) as { groups: unknown[] }).groups).toHaveLength(count);
  if (count === 200) {
    expect(claims['groups']).toHaveLength(200);
    expect(claims).not.toHaveProperty('_claim_names');
    return;
  }
  expect(claims).not.toHaveProperty('groups');
  expect(claims).toMatchObject({
    _claim_names: { groups: 'userinfo' },
    _claim_sources: { userinfo: { endpoint: `${issuer}/userinfo` } },
  });
});
