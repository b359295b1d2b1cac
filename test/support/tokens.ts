/** Tokens of every kind and what may be asked about them: the applications of these tests and their resource servers. */
import type { ClientRegistration, ScopeRegistration } from '../../server/src/registry/registration.ts';
import { aClient, aScope } from './builders.ts';
import { authorize, codeFields, issuer, type TokenAnswer, type World, webApp } from './world.ts';

const scopes = ['openid', 'profile', 'email', 'offline_access', 'orders', 'stock'];
const app = (id: string, more: Partial<ClientRegistration> = {}) => webApp(id, { scopes, ...more });
const machine = (id: string, more: Partial<ClientRegistration> = {}) =>
  aClient(id)
    .machine(`secret-of-${id}`)
    .with({ scopes: ['orders', 'stock'], default_scopes: ['orders'], ...more })
    .build();
const publicApp: Partial<ClientRegistration> = { token_endpoint_auth_method: 'none', client_secret_digests: [] };
const opaque: Partial<ClientRegistration> = { access_token_format: 'opaque' };

/** `shop.*` get tokens, `api.*` are resource servers: of https://orders, of https://stock, of its own id alone. */
export const tokenClients: readonly ClientRegistration[] = [
  app('shop.web'),
  app('shop.opaque', opaque),
  app('shop.other'),
  app('shop.spa', publicApp),
  machine('shop.job'),
  machine('shop.job-opaque', opaque),
  machine('api.orders', { introspection_audiences: ['https://orders'] }),
  machine('api.stock', { introspection_audiences: ['https://stock'] }),
  machine('api.named'),
];

export const tokenScopes: readonly ScopeRegistration[] = [
  aScope('orders', { audiences: ['https://orders', 'api.named'] }),
  aScope('stock', { audiences: ['https://stock'] }),
];

/** Every letter in its other case. */
export const otherCase = (text: string): string =>
  text.replaceAll(/[A-Za-z]/g, (one) => (one === one.toLowerCase() ? one.toUpperCase() : one.toLowerCase()));

export interface FormAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export const basicOf = (clientId: string, secret = `secret-of-${clientId}`): Readonly<Record<string, string>> => ({
  authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`,
});

/** @param url default: whichever replica is next. */
export async function postForm(
  world: World,
  path: string,
  fields: Readonly<Record<string, string>> | string,
  headers: Readonly<Record<string, string>> = {},
  url?: string,
): Promise<FormAnswer> {
  const init = {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
    body: typeof fields === 'string' ? fields : new URLSearchParams(fields).toString(),
  };
  const response = await (url === undefined ? world.fetch(`${issuer}${path}`, init) : fetch(`${url}${path}`, init));
  const text = await response.text();
  const body = text.startsWith('{') ? (JSON.parse(text) as FormAnswer['body']) : {};
  return { status: response.status, headers: response.headers, text, body };
}

export const introspect = (
  world: World,
  token: string | undefined,
  clientId = 'api.orders',
  more: Readonly<Record<string, string>> = {},
  url?: string,
): Promise<FormAnswer> => postForm(world, '/introspect', { token: token ?? '', ...more }, basicOf(clientId), url);

export const revoke = (
  world: World,
  token: string | undefined,
  clientId = 'shop.web',
  more: Readonly<Record<string, string>> = {},
  url?: string,
): Promise<FormAnswer> => postForm(world, '/revoke', { token: token ?? '', ...more }, basicOf(clientId), url);

export async function userinfo(world: World, token: string | undefined, url?: string): Promise<FormAnswer> {
  const init = { headers: { authorization: `Bearer ${token ?? ''}` } };
  const response = await (url === undefined ? world.fetch(`${issuer}/userinfo`, init) : fetch(`${url}/userinfo`, init));
  const text = await response.text();
  const body = text.startsWith('{') ? (JSON.parse(text) as FormAnswer['body']) : {};
  return { status: response.status, headers: response.headers, text, body };
}

/** By the code flow. */
export async function tokensOf(
  world: World,
  clientId: string,
  { scope = 'openid email orders', username = 'ada' }: { readonly scope?: string; readonly username?: string } = {},
): Promise<TokenAnswer['body']> {
  const { code } = await authorize(world.browser(), { client_id: clientId, scope }, username);
  if (clientId === 'shop.spa') return (await world.tokenForm({ ...codeFields(code), client_id: clientId })).body;
  return (await world.token(codeFields(code), clientId)).body;
}

export async function machineToken(world: World, clientId: string, scope = 'orders'): Promise<string> {
  const { body } = await world.token({ grant_type: 'client_credentials', scope }, clientId);
  return body.access_token ?? '';
}
