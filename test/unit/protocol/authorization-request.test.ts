import { describe, expect, it } from 'vitest';
import { parseAuthorizationRequest } from '../../../server/src/protocol/authorization-request.ts';
import { ProtocolError } from '../../../server/src/protocol/errors.ts';
import { readParameters } from '../../../server/src/protocol/parameters.ts';
import { passwordContext } from '../../../server/src/protocol/terms.ts';
import type { ClientRegistration } from '../../../server/src/registry/registration.ts';
import { aClient } from '../../support/builders.ts';

const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';
const good: Readonly<Record<string, string>> = {
  client_id: 'shop.web',
  redirect_uri: 'https://shop.example.com/cb',
  response_type: 'code',
  scope: 'openid profile',
  state: 'xyz',
  code_challenge: challenge,
  code_challenge_method: 'S256',
};

/** A member set to `undefined` is left out. */
type Change = Readonly<Record<string, string | undefined>>;

function textOf(change: Change): string {
  const all = Object.entries({ ...good, ...change }).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return new URLSearchParams(all).toString();
}

function parse(text: string, client: Partial<ClientRegistration> = {}) {
  const registration = aClient().with(client).build();
  const find = (id: string) => (id === registration.client_id ? registration : undefined);
  return parseAuthorizationRequest(readParameters(text), find, 'https://id.example.com', () => ['https://api.example']);
}

function refusal(text: string, client: Partial<ClientRegistration> = {}): string {
  try {
    parse(text, client);
  } catch (error) {
    if (error instanceof ProtocolError) return `${error.delivery.by} ${error.code}`;
    throw error;
  }
  return 'accepted';
}

describe('an authorization request', () => {
  it('keeps what was sent', () => {
    const { request } = parse(textOf({ nonce: 'n-0', prompt: 'login consent', max_age: '0', login_hint: 'ada' }));
    expect(request).toMatchObject({
      responseType: 'code',
      scopes: ['openid', 'profile'],
      nonce: 'n-0',
      codeChallenge: challenge,
      prompts: ['login', 'consent'],
      maxAge: 0,
      loginHint: 'ada',
    });
    expect(request.redirect).toMatchObject({ uri: good.redirect_uri, state: 'xyz', issuer: 'https://id.example.com' });
  });

  it('A09: until client and redirect URI are both good, nothing is redirected', () => {
    const wrong: readonly Change[] = [
      { client_id: undefined },
      { client_id: 'nobody' },
      { redirect_uri: undefined },
      { redirect_uri: 'https://shop.example.com/cb/' },
      { redirect_uri: 'https://evil.example' },
    ];
    const alsoWrong: readonly Change[] = [
      {},
      { response_type: 'token' },
      { response_type: undefined },
      { scope: 'admin' },
      { prompt: 'none login' },
      { code_challenge: undefined },
      { code_challenge_method: 'plain' },
      { request: 'x' },
      { max_age: '-1' },
    ];
    for (const first of wrong) {
      for (const second of alsoWrong) expect(refusal(textOf({ ...second, ...first }))).toMatch(/^page /);
    }
  });

  const table: readonly [string, Change, string][] = [
    ['RFC 6749 §4.1.2.1: response_type is missing', { response_type: undefined }, 'redirect invalid_request'],
    ['RFC 6749 §4.1.2.1: response_type is unknown', { response_type: 'none' }, 'redirect unsupported_response_type'],
    ['A21, OIDC Core §6: request object', { request: 'eyJ' }, 'redirect request_not_supported'],
    ['A60: request by URL', { request_uri: 'https://x/' }, 'redirect request_uri_not_supported'],
    ['OIDC Core §7.2.1: registration', { registration: '{}' }, 'redirect registration_not_supported'],
    ['A34: a scope the client may not ask for', { scope: 'openid admin' }, 'redirect invalid_scope'],
    ['a malformed scope', { scope: 'openid  profile' }, 'redirect invalid_scope'],
    [
      'RFC 7636 §4.4.1, A18: no challenge',
      { code_challenge: undefined, code_challenge_method: undefined },
      'redirect invalid_request',
    ],
    ['A18, F18: plain', { code_challenge_method: 'plain' }, 'redirect invalid_request'],
    ['A18: no method means plain', { code_challenge_method: undefined }, 'redirect invalid_request'],
    ['A18: a challenge that is none', { code_challenge: 'short' }, 'redirect invalid_request'],
    ['prompt=none with another value', { prompt: 'none login' }, 'redirect invalid_request'],
    ['an unknown prompt', { prompt: 'create' }, 'redirect invalid_request'],
    ['select_account', { prompt: 'select_account' }, 'accepted'],
    ['select_account with what may go with it', { prompt: 'select_account login consent' }, 'accepted'],
    ['prompt=none with select_account', { prompt: 'select_account none' }, 'redirect invalid_request'],
    ['a prompt twice is one', { prompt: 'login login' }, 'accepted'],
    ['OIDC Core §5.5: claims that are no JSON', { claims: '{' }, 'redirect invalid_request'],
    ['claims of another shape', { claims: '{"id_token":[]}' }, 'redirect invalid_request'],
    ['A63: claims beyond 4 KiB', { claims: `{"x":"${'x'.repeat(4096)}"}` }, 'redirect invalid_request'],
    ['A63: claims too deep', { claims: `{"x":${'['.repeat(9)}${']'.repeat(9)}}` }, 'redirect invalid_request'],
    ['without openid, claims say nothing', { scope: 'profile', claims: '{' }, 'accepted'],
    [
      'OIDC Core §5.5.1.1: an essential acr that we cannot give',
      { claims: '{"id_token":{"acr":{"essential":true,"values":["urn:mfa"]}}}' },
      'redirect unmet_authentication_requirements',
    ],
    [
      'the same as one value',
      { claims: '{"id_token":{"acr":{"essential":true,"value":"urn:mfa"}}}' },
      'redirect unmet_authentication_requirements',
    ],
    ['an acr that we cannot give, as a wish', { claims: '{"id_token":{"acr":{"values":["urn:mfa"]}}}' }, 'accepted'],
    ['any acr, essential', { claims: '{"id_token":{"acr":{"essential":true}}}' }, 'accepted'],
    [
      'an essential acr with ours among the values',
      { claims: JSON.stringify({ id_token: { acr: { essential: true, values: ['urn:mfa', passwordContext] } } }) },
      'accepted',
    ],
    ['acr_values that we cannot give', { acr_values: 'urn:mfa' }, 'accepted'],
    [
      'two subjects at once',
      { claims: '{"id_token":{"sub":{"value":"u_1"}},"userinfo":{"sub":{"value":"u_2"}}}' },
      'redirect invalid_request',
    ],
    ['RFC 8707 §2: no audience', { resource: 'https://elsewhere.example' }, 'redirect invalid_target'],
    ['RFC 8707 §2: a fragment', { resource: 'https://api.example#x' }, 'redirect invalid_target'],
    ['RFC 8707 §2: not absolute', { resource: 'api.example' }, 'redirect invalid_target'],
    ['RFC 8707 §2: an audience', { resource: 'https://api.example' }, 'accepted'],
    ['max_age that is no number', { max_age: 'soon' }, 'redirect invalid_request'],
    ['max_age below zero', { max_age: '-1' }, 'redirect invalid_request'],
    ['a response mode that is unknown', { response_mode: 'jwt' }, 'redirect invalid_request'],
    ['a nonce beyond 2 KiB', { nonce: 'n'.repeat(2049) }, 'redirect invalid_request'],
    ['a nonce of 2 KiB', { nonce: 'n'.repeat(2048) }, 'accepted'],
    ['a long state', { state: 's'.repeat(8192) }, 'accepted'],
    ['response_mode=query', { response_mode: 'query' }, 'accepted'],
    ['no nonce, no state', { state: undefined }, 'accepted'],
    ['what nobody knows is ignored', { display: 'popup', acr_values: '1', ui_locales: 'de', foo: 'bar' }, 'accepted'],
    ['a login_hint beyond any name is ignored', { login_hint: 'x'.repeat(1000) }, 'accepted'],
    ['order of scopes', { scope: 'profile openid' }, 'accepted'],
  ];
  it.each(table)('%s', (_title, change, expected) => expect(refusal(textOf(change))).toBe(expected));

  it.each([
    ['client_id', 'page'],
    ['redirect_uri', 'page'],
    ['scope', 'redirect'],
    ['state', 'redirect'],
    ['foo', 'redirect'],
  ])('A03: %s twice is invalid_request by %s', (name, by) => {
    const text = `${textOf({ foo: 'a' })}&${name}=${encodeURIComponent(good[name] ?? 'a')}`;
    expect(refusal(text)).toBe(`${by} invalid_request`);
  });

  it('RFC 6749 §4.1.2.1: a client without the response type is unauthorized_client', () => {
    expect(refusal(textOf({}), { response_types: [] })).toBe('redirect unauthorized_client');
  });

  it('A18: only a confidential client whose registration says so may do without a challenge', () => {
    const without = textOf({ code_challenge: undefined, code_challenge_method: undefined });
    expect(refusal(without, { require_pkce: false })).toBe('accepted');
    const open = { require_pkce: false, token_endpoint_auth_method: 'none' } as const;
    expect(refusal(without, open)).toBe('redirect invalid_request');
    // What is sent is checked all the same.
    expect(refusal(textOf({ code_challenge_method: 'plain' }), { require_pkce: false })).toBe(
      'redirect invalid_request',
    );
  });

  it('RFC 6749 §3.3: without a scope the default is asked; without a default it is invalid_scope', () => {
    expect(parse(textOf({ scope: undefined })).request.scopes).toEqual(['openid']);
    expect(refusal(textOf({ scope: undefined }), { default_scopes: [] })).toBe('redirect invalid_scope');
  });

  it('OIDC Core §11: offline_access says nothing to a client without refresh tokens', () => {
    const scopes = ['openid', 'offline_access'];
    const text = textOf({ scope: 'openid offline_access' });
    expect(parse(text, { scopes }).request.scopes).toEqual(['openid']);
    const grant_types = ['authorization_code', 'refresh_token'] as const;
    expect(parse(text, { scopes, grant_types: [...grant_types] }).request.scopes).toEqual(scopes);
  });
});
