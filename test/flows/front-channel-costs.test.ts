import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { gives } from '../../server/src/protocol/response-type.ts';
import { responseTypes } from '../../server/src/protocol/terms.ts';
import { bothDatabases } from '../support/both-databases.ts';
import { aClient } from '../support/builders.ts';
import { authorize, authorizePath, codeFields, World } from '../support/world.ts';

const yes = { mode: 'implicit', remember_for: 1, on_refused_scope: 'drop' } as const;
const tokensOf = (type: (typeof responseTypes)[number]) =>
  [gives(type, 'token'), gives(type, 'id_token')].filter((one) => one).length;
const one = responseTypes.filter((type) => tokensOf(type) === 1);
const two = responseTypes.filter((type) => tokensOf(type) === 2);

describe.each(bothDatabases())('on %s: what tokens through the browser cost', (_name, backend) => {
  let world: World;
  let turn = 0;
  let username = '';
  beforeAll(async () => {
    world = await World.open({
      counting: true,
      ...(await backend()),
      clients: [
        aClient().everyResponseType().build(),
        aClient('shop.implicit').everyResponseType().with({ consent: yes }).build(),
      ],
    });
  });
  afterAll(() => world?.stop());
  beforeEach(() => {
    username = `user${++turn}`;
    world.memory.add(username);
  });
  const credentials = () => ({ username, password: `password-of-${username}`, 'sign-in': '1' });

  it.each(['fragment', 'form_post'])(
    'by %s, in silence: no statement more, one row, a signature for each',
    async (response_mode) => {
      const browser = world.browser();
      await authorize(browser, { response_type: 'id_token token' }, username);
      const silent = (response_type: string) =>
        browser.get(authorizePath({ response_type, response_mode, prompt: 'none' }));
      for (const type of one) {
        const { response } = await world.counters.expectCost('authorize_silent_one_token', () => silent(type));
        expect(response.error).toBeUndefined();
      }
      for (const type of two) await world.counters.expectCost('authorize_silent_two_tokens', () => silent(type));
      await world.counters.expectCost('authorize_silent', () => silent('code'));
    },
  );

  it.each(two)('%s: sign-in, consent and the exchange of a code', async (response_type) => {
    const login = await world.browser().get(authorizePath({ response_type }));
    expect(login.name).toBe('login');
    const browser = world.browser();
    const first = await world.counters.expectCost('authorize_first_hit', () =>
      browser.get(authorizePath({ response_type, client_id: 'shop.implicit' })),
    );
    await world.counters.expectCost('login_two_tokens', () =>
      browser.postOnly('/login', { ...first.form.fields, ...credentials() }),
    );
    const consent = await browser.get(authorizePath({ response_type, prompt: 'consent' }));
    const allowed = await world.counters.expectCost('consent_allowed_two_tokens', () =>
      browser.postOnly('/consent', { ...consent.form.fields, decision: 'allow' }),
    );
    const { response } = await world.counters.expectCost('consent_page', () =>
      browser.get(allowed.headers.get('location') ?? ''),
    );
    if (gives(response_type, 'code')) {
      const { status } = await world.counters.expectCost('code_exchange', () => world.token(codeFields(response.code)));
      expect(status).toBe(200);
    }
  });
});
