/**
 * Everything that people, applications and devices do which writes, each prepared up to the one request that writes it: for
 * faults that meet exactly that request. What runs out within a minute is made to live longer: others are prepared meanwhile.
 */
import { grantTypes, responseTypes } from '../../server/src/protocol/terms.ts';
import type { ClientRegistration } from '../../server/src/registry/registration.ts';
import type { Browser, Page } from './browser.ts';
import { aClient } from './builders.ts';
import { ownClaims, secondsNow, signed, signingKey } from './client-keys.ts';
import { basic, deviceApp, deviceFields, startDevice } from './devices.ts';
import { postForm } from './tokens.ts';
import { authorize, authorizePath, codeFields, issuer, refreshFields, type TokenAnswer, type World } from './world.ts';

/** `given`: it was done. `later`: try again (503, or a page that says so). Anything else: refused, with its error. */
export type ActAnswer = 'given' | 'later' | `refused ${string}`;

export interface PreparedAct {
  /** The one request; the same each time. @throws when a token came with an answer that is none */
  readonly ask: () => Promise<ActAnswer>;
  /** Counts what it writes, as SQL: 0 before, 1 after. */
  readonly effect: string;
}

export interface Act {
  readonly name: string;
  /** The statement that does it. */
  readonly statement: string;
  /** What the same request says after it was done and its answer got lost. */
  readonly repeated: ActAnswer;
  /** It is one of several in a transaction: when its answer is lost nothing has happened. */
  readonly undone?: boolean;
  /** The effect is still there after the repeat; `false`: the repeat took it for a replay and ended it. */
  readonly stays: boolean;
  readonly prepare: (world: World, username: string) => Promise<PreparedAct>;
}

const key = signingKey('ES256');
const opaque = { access_token_format: 'opaque' } as const;
const scope = 'openid email offline_access';

export const actClients: readonly ClientRegistration[] = [
  aClient('shop.web').everyResponseType().with(opaque).build(),
  deviceApp('tv.app', opaque),
  deviceApp('tv.new'),
  aClient('job.opaque').machine('secret-of-job.opaque').with(opaque).build(),
  aClient('job.keyed').machine('unused').withKeys(key.jwk).build(),
];
export const actServer = { grant_types_supported: [...grantTypes], response_types_supported: [...responseTypes] };

function ofTokens({ status, headers, body }: TokenAnswer): ActAnswer {
  if (status === 200) return 'given';
  if (body.access_token !== undefined) throw new Error('a token beside an error');
  if (status === 503 && headers.get('retry-after') !== null) return 'later';
  return `refused ${body.error ?? status}`;
}

/** @param done names of the pages that say that it was done. */
function ofPage(page: Page, done: readonly string[]): ActAnswer {
  if (done.includes(page.name)) return 'given';
  if (page.status === 503 && page.name === 'error:temporarily_unavailable') return 'later';
  return `refused ${page.name}`;
}

/** Where a client is answered; what came with it is kept. */
function ofAnswer(page: Page, kept: Record<string, string>): ActAnswer {
  if (!['left', 'continue', 'form-post'].includes(page.name)) return ofPage(page, []);
  const { response } = page;
  if (response.error === undefined) Object.assign(kept, response);
  else if (response.code !== undefined || response.access_token !== undefined) throw new Error('both');
  return response.error === undefined ? 'given' : `refused ${response.error}`;
}

const byName = (username: string) => `username = '${username}'`;
const grantsOf = (username: string) => `grant_id IN (SELECT id FROM grants WHERE ${byName(username)})`;

async function consentPage(world: World, username: string, response_type: string): Promise<[Browser, Page]> {
  const browser = world.browser();
  const login = await browser.get(authorizePath({ scope, response_type }));
  const page = await browser.submit(login, { username, password: `password-of-${username}`, 'sign-in': '1' });
  if (page.name !== 'consent') throw new Error(`no consent page, but ${page.name}`);
  return [browser, page];
}

const consentTo = (response_type: string, effect: (username: string) => string): Act => ({
  name: `a consent that gives ${response_type}`,
  statement: 'code_complete',
  repeated: 'given',
  stays: true,
  prepare: async (world, username) => {
    const [browser, page] = await consentPage(world, username, response_type);
    const kept: Record<string, string> = {};
    return {
      ask: async () => ofAnswer(await browser.submit(page, { decision: 'allow' }), kept),
      effect: effect(username),
    };
  },
});

const tokensOf = async (world: World, username: string, browser = world.browser()) =>
  (await world.token(codeFields((await authorize(browser, { scope }, username)).code))).body;

async function approvalPage(world: World, username: string) {
  const device = await startDevice(world, { scope });
  const browser = world.browser();
  const login = await browser.get(`/device?user_code=${device.user_code}`);
  const page = await browser.submit(login, { username, password: `password-of-${username}`, 'sign-in': '1' });
  return { device, browser, page };
}

const answerTo = (decision: 'allow' | 'deny', outcome: string): Act => ({
  name: `a device's request: ${decision}`,
  statement: 'device_answer',
  repeated: 'given',
  stays: true,
  prepare: async (world, username) => {
    const { browser, page } = await approvalPage(world, username);
    return {
      ask: async () => ofPage(await browser.submit(page, { decision }), ['device-done']),
      effect: `SELECT count(*)::int AS n FROM device_codes WHERE ${byName(username)} AND outcome = '${outcome}'`,
    };
  },
});

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

export const acts: readonly Act[] = [
  consentTo(
    'code',
    (username) => `SELECT count(*)::int AS n FROM authorization_codes WHERE ${byName(username)} AND outcome = 'issued'`,
  ),
  consentTo('id_token token', (username) => `SELECT count(*)::int AS n FROM grants WHERE ${byName(username)}`),
  consentTo('code id_token token', (username) => `SELECT count(*)::int AS n FROM grants WHERE ${byName(username)}`),
  {
    name: 'the exchange of a code',
    statement: 'code_redeem',
    repeated: 'refused invalid_grant',
    stays: false,
    prepare: async (world, username) => {
      const { code } = await authorize(world.browser(), { scope }, username);
      await world.rows(
        `UPDATE authorization_codes SET expires_at = now() + interval '1 hour' WHERE ${byName(username)}`,
      );
      return {
        ask: async () => ofTokens(await world.token(codeFields(code))),
        effect: `SELECT count(*)::int AS n FROM grants WHERE ${byName(username)} AND ended_at IS NULL`,
      };
    },
  },
  {
    name: 'a refresh',
    statement: 'refresh_rotate',
    repeated: 'given',
    stays: true,
    prepare: async (world, username) => {
      const { refresh_token } = await tokensOf(world, username);
      return {
        ask: async () => ofTokens(await world.token(refreshFields(refresh_token))),
        effect: `SELECT count(*)::int AS n FROM refresh_tokens WHERE ${grantsOf(username)} AND used_at IS NOT NULL`,
      };
    },
  },
  {
    name: 'a device that asks for codes',
    statement: 'device_start',
    repeated: 'given',
    stays: true,
    prepare: (world) =>
      Promise.resolve({
        ask: async () => {
          const answer = await postForm(world, '/device_authorization', { scope: 'openid' }, basic('tv.new'));
          if (answer.status === 200) return 'given';
          const later = answer.status === 503 && answer.headers.get('retry-after') !== null;
          return later ? 'later' : `refused ${String(answer.body.error)}`;
        },
        // A repeat is another device: that one is there as well.
        effect: `SELECT LEAST(count(*), 1)::int AS n FROM device_codes WHERE client_id = 'tv.new'`,
      }),
  },
  answerTo('allow', 'approved'),
  answerTo('deny', 'denied'),
  {
    name: 'the exchange of a device code',
    statement: 'device_redeem',
    repeated: 'refused invalid_grant',
    stays: false,
    prepare: async (world, username) => {
      const { device, browser, page } = await approvalPage(world, username);
      await browser.submit(page, { decision: 'allow' });
      return {
        ask: async () => ofTokens(await world.token(deviceFields(device.device_code), 'tv.app')),
        effect: `SELECT count(*)::int AS n FROM grants WHERE ${byName(username)} AND ended_at IS NULL`,
      };
    },
  },
  {
    name: 'a revocation',
    statement: 'token_revoke',
    repeated: 'given',
    stays: true,
    prepare: async (world, username) => {
      const { access_token } = await tokensOf(world, username);
      return {
        ask: async () => {
          const answer = await postForm(world, '/revoke', { token: access_token ?? '' }, basic('shop.web'));
          if (answer.status === 200) return 'given';
          const later = answer.status === 503 && answer.headers.get('retry-after') !== null;
          return later ? 'later' : `refused ${answer.text}`;
        },
        effect: `SELECT count(*)::int AS n FROM grants WHERE ${byName(username)} AND ended_at IS NOT NULL`,
      };
    },
  },
  {
    name: 'a sign-out',
    statement: 'session_end',
    repeated: 'given',
    stays: true,
    prepare: async (world, username) => {
      const browser = world.browser();
      const { id_token } = await tokensOf(world, username, browser);
      const path = `/logout?${new URLSearchParams({ id_token_hint: id_token ?? '' }).toString()}`;
      return {
        ask: async () => {
          const page = await browser.get(path);
          return page.name === 'error:logout_failed' ? 'later' : ofPage(page, ['signed-out']);
        },
        effect: `SELECT count(*)::int AS n FROM sessions WHERE ${byName(username)} AND ended_at IS NOT NULL`,
      };
    },
  },
  {
    name: 'the end of an application’s access, on the account page',
    statement: 'account_end_grants',
    undone: true,
    repeated: 'given',
    stays: true,
    prepare: async (world, username) => {
      const browser = world.browser();
      await tokensOf(world, username, browser);
      const page = await browser.get('/account');
      return {
        ask: async () =>
          ofPage(await browser.submit(page, { remove: 'uid-of-shop.web', confirmed: 'yes' }), ['account']),
        effect: `SELECT count(*)::int AS n FROM grants WHERE ${byName(username)} AND ended_at IS NOT NULL`,
      };
    },
  },
  {
    name: 'an opaque token of a client of its own',
    statement: 'access_token_insert',
    repeated: 'given',
    stays: true,
    prepare: (world) =>
      Promise.resolve({
        ask: async () => ofTokens(await world.token({ grant_type: 'client_credentials' }, 'job.opaque')),
        effect: `SELECT LEAST(count(*), 1)::int AS n FROM access_tokens WHERE client_id = 'job.opaque'`,
      }),
  },
  {
    name: 'a signed assertion',
    statement: 'assertion_use',
    repeated: 'refused invalid_client',
    stays: true,
    prepare: async (world) => {
      const client_assertion = await signed(key, ownClaims('job.keyed', issuer, { exp: secondsNow() + 1800 }));
      const fields = { grant_type: 'client_credentials', client_assertion_type: assertionType, client_assertion };
      return {
        ask: async () => ofTokens(await world.tokenForm(fields)),
        effect: 'SELECT count(*)::int AS n FROM used_assertions',
      };
    },
  },
];
