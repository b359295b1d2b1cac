import { decodeJwt } from 'jose';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { registrationOf } from '../support/directories.ts';
import { startSlapd } from '../support/slapd.ts';
import { seedDn, seedPassword, seedSuffix } from '../support/slapd-seed.ts';
import { authorize, authorizePath, codeFields, issuer, signIn, World, webApp } from '../support/world.ts';

/** OpenID Connect Core §5.6.2: what an ID token leaves out, and where it is. */
const clients = [webApp('shop.web', { id_token_claims: ['groups', 'name'] })];
let world: World;
beforeAll(async () => {
  world = await World.open({ clients });
});
afterAll(() => world?.stop());

const groups = (count: number) => Array.from({ length: count }, (_, index) => `group-${index}`);

/** What an ID token says of the groups that it leaves out. */
const elsewhere = {
  _claim_names: { groups: 'userinfo' },
  _claim_sources: { userinfo: { endpoint: `${issuer}/userinfo` } },
};

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
  expect(claims).toMatchObject(elsewhere);
});

it.each([
  ['in one answer', 'sizelimit unlimited'],
  ['in pages', 'sizelimit size.soft=100 size.prtotal=unlimited'],
])('a real directory that tells of them %s: none in the ID token, all of them in userinfo', async (_title, setting) => {
  await using slapd = await startSlapd({ settings: [setting] });
  const names = Array.from({ length: 201 }, (_, index) => `lot-${index}`);
  await slapd.add(
    names
      .map(
        (cn) =>
          `dn: cn=${cn},ou=groups,${seedSuffix}\nobjectClass: groupOfNames\ncn: ${cn}\nmember: ${seedDn('zoe')}\n`,
      )
      .join('\n'),
  );
  const real = await World.open({
    clients,
    directory: 'registered',
    directories: { 'shop/people': registrationOf(slapd) },
  });
  try {
    const browser = real.browser();
    const path = authorizePath({ scope: 'openid profile groups' });
    const asked = await signIn(browser, path, 'zoe', seedPassword('zoe'));
    const { response } = await browser.submit(asked, { decision: 'allow' });
    const { body } = await real.token(codeFields(response['code']));
    const claims = decodeJwt(body.id_token ?? '');
    expect(claims).toMatchObject({ name: 'Zoë Müller', ...elsewhere });
    expect(claims).not.toHaveProperty('groups');
    const headers = { authorization: `Bearer ${body.access_token}` };
    const userinfo = (await (await real.fetch(`${issuer}/userinfo`, { headers })).json()) as { groups: string[] };
    expect(userinfo.groups.toSorted()).toEqual(names.toSorted());
  } finally {
    await real.stop();
  }
});
