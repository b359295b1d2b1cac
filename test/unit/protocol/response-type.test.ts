import { describe, expect, it } from 'vitest';
import { parseAuthorizationRequest } from '../../../server/src/protocol/authorization-request.ts';
import { ProtocolError } from '../../../server/src/protocol/errors.ts';
import { readParameters } from '../../../server/src/protocol/parameters.ts';
import {
  deliveryModeOf,
  gives,
  isFrontChannel,
  parseResponseType,
} from '../../../server/src/protocol/response-type.ts';
import { type ResponseType, responseTypes } from '../../../server/src/protocol/terms.ts';
import type { ClientRegistration } from '../../../server/src/registry/registration.ts';
import { aClient } from '../../support/builders.ts';

const good = {
  client_id: 'shop.web',
  redirect_uri: 'https://shop.example.com/cb',
  scope: 'openid profile',
  state: 'xyz',
  nonce: 'n-0',
  code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  code_challenge_method: 'S256',
};
type Change = Readonly<Record<string, string | undefined>>;

function parse(change: Change, client: Partial<ClientRegistration> = {}) {
  const registration = aClient().everyResponseType().with(client).build();
  const all = Object.entries({ ...good, ...change }).filter((pair): pair is [string, string] => pair[1] !== undefined);
  const find = (id: string) => (id === registration.client_id ? registration : undefined);
  return parseAuthorizationRequest(
    readParameters(new URLSearchParams(all).toString()),
    find,
    'https://id.example.com',
    () => [],
  );
}

/** The error and how it travels; `accepted` without one. */
function refusal(change: Change, client: Partial<ClientRegistration> = {}): string {
  try {
    parse(change, client);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return error.delivery.by === 'redirect' ? `${error.delivery.to.mode} ${error.code}` : `page ${error.code}`;
  }
  return 'accepted';
}

const orders = (type: ResponseType): readonly string[] => {
  const permute = (words: readonly string[]): string[][] =>
    words.length < 2
      ? [[...words]]
      : words.flatMap((word) => permute(words.filter((w) => w !== word)).map((rest) => [word, ...rest]));
  return permute(type.split(' ')).map((words) => words.join(' '));
};

describe('OAuth 2.0 Multiple Response Type Encoding Practices §3: a response type', () => {
  it.each(responseTypes.flatMap((type) => orders(type).map((text) => [text, type] as const)))(
    '%s is %s: the order of words means nothing',
    (text, type) => expect(parseResponseType(text)).toBe(type),
  );
  it.each([
    '',
    ' ',
    'none',
    'Code',
    'code code',
    'code  token',
    ' code',
    'code ',
    'token code token',
    'code\tid_token',
    'id_token,token',
  ])('%j is none', (text) => expect(parseResponseType(text)).toBeNull());
  it('gives what its words say', () => {
    expect(responseTypes.filter((type) => gives(type, 'token'))).toEqual([
      'token',
      'id_token token',
      'code token',
      'code id_token token',
    ]);
    expect(responseTypes.filter((type) => gives(type, 'id_token'))).toEqual([
      'id_token',
      'id_token token',
      'code id_token',
      'code id_token token',
    ]);
    expect(responseTypes.filter((type) => !isFrontChannel(type))).toEqual(['code']);
  });
});

describe('OAuth 2.0 Multiple Response Type Encoding Practices §2.1: how the answer travels', () => {
  it.each([
    ['code', undefined, 'query'],
    ['code', 'query', 'query'],
    ['code', 'fragment', 'fragment'],
    ['code', 'form_post', 'form_post'],
    ['code', 'web_message', 'query'],
    [undefined, undefined, 'query'],
    [undefined, 'form_post', 'form_post'],
    ['none', undefined, 'query'],
    ['token', undefined, 'fragment'],
    ['token', 'query', 'fragment'],
    ['token', 'form_post', 'form_post'],
    ['token', 'web_message', 'fragment'],
    ['code id_token', 'query', 'fragment'],
    ['token magic', 'query', 'fragment'],
    ['id_token id_token', undefined, 'fragment'],
  ] as const)('type %s, mode %s: by %s', (type, mode, expected) =>
    expect(deliveryModeOf({ type, mode })).toBe(expected),
  );
});

const front = responseTypes.filter(isFrontChannel);

describe('an authorization request of each response type', () => {
  it.each(responseTypes)('%s is accepted, in the mode that is its own', (response_type) => {
    const { request } = parse({ response_type });
    expect(request.responseType).toBe(response_type);
    expect(request.redirect.mode).toBe(response_type === 'code' ? 'query' : 'fragment');
  });

  it.each(responseTypes.flatMap((type) => (['fragment', 'form_post'] as const).map((mode) => [type, mode] as const)))(
    '%s with response_mode=%s',
    (response_type, response_mode) =>
      expect(parse({ response_type, response_mode }).request.redirect.mode).toBe(response_mode),
  );

  it.each(front)('§3, §5: %s is refused with response_mode=query, by fragment', (response_type) =>
    expect(refusal({ response_type, response_mode: 'query' })).toBe('fragment invalid_request'),
  );

  it.each(responseTypes)(
    '%s: an unknown response_mode is invalid_request, in the mode of the type',
    (response_type) => {
      const mode = response_type === 'code' ? 'query' : 'fragment';
      for (const response_mode of ['web_message', 'form_post.jwt', 'Fragment', 'query fragment'])
        expect(refusal({ response_type, response_mode })).toBe(`${mode} invalid_request`);
    },
  );

  it.each(responseTypes)('RFC 6749 §4.1.2.1, §4.2.2.1: %s not registered is unauthorized_client', (response_type) => {
    const response_types = responseTypes.filter((type) => type !== response_type);
    const mode = response_type === 'code' ? 'query' : 'fragment';
    expect(refusal({ response_type }, { response_types })).toBe(`${mode} unauthorized_client`);
    expect(refusal({ response_type, response_mode: 'form_post' }, { response_types })).toBe(
      'form_post unauthorized_client',
    );
  });

  it.each(responseTypes)('OIDC Core §3.2.2.1, §3.3.2.11: the nonce of %s', (response_type) => {
    const needed = gives(response_type, 'id_token');
    expect(refusal({ response_type, nonce: undefined })).toBe(needed ? 'fragment invalid_request' : 'accepted');
    expect(refusal({ response_type, nonce: '' })).toBe(needed ? 'fragment invalid_request' : 'accepted');
  });

  it.each(responseTypes)('OIDC Core §3.2.2.1: an ID token needs openid (%s)', (response_type) => {
    const needed = gives(response_type, 'id_token');
    expect(refusal({ response_type, scope: 'profile' })).toBe(needed ? 'fragment invalid_request' : 'accepted');
  });

  it.each(responseTypes)('RFC 7636 §4.4.1: %s needs a challenge exactly if a code comes', (response_type) => {
    const without = { code_challenge: undefined, code_challenge_method: undefined };
    const mode = response_type === 'code' ? 'query' : 'fragment';
    const needed = gives(response_type, 'code');
    expect(refusal({ response_type, ...without })).toBe(needed ? `${mode} invalid_request` : 'accepted');
    expect(parse({ response_type }).request.codeChallenge).toBe(needed ? good.code_challenge : undefined);
  });

  it.each(responseTypes)('OIDC Core §11: offline_access with %s', (response_type) => {
    const { request } = parse({ response_type, scope: 'openid offline_access' });
    expect(request.scopes.includes('offline_access')).toBe(gives(response_type, 'code'));
  });

  it.each([
    ['missing', undefined, 'invalid_request'],
    ['empty', '', 'invalid_request'],
    ['unknown', 'none', 'unsupported_response_type'],
    ['doubled', 'code code', 'unsupported_response_type'],
  ] as const)('RFC 6749 §3.1.1: a response type that is %s', (_what, response_type, error) => {
    expect(refusal({ response_type })).toBe(`query ${error}`);
    expect(refusal({ response_type, response_mode: 'fragment' })).toBe(`fragment ${error}`);
    expect(refusal({ response_type, response_mode: 'form_post' })).toBe(`form_post ${error}`);
  });

  it.each(['a\nb', 'a\rb', '\r\n'])(
    'a state that no form sends back as it was (%j) is refused, in another way',
    (state) => {
      expect(refusal({ response_type: 'code', response_mode: 'form_post', state })).toBe('query invalid_request');
      expect(refusal({ response_type: 'id_token', response_mode: 'form_post', state })).toBe(
        'fragment invalid_request',
      );
      expect(refusal({ response_type: 'id_token', state })).toBe('accepted');
    },
  );
});
