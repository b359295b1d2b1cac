/** Devices of tests: clients that may use the device grant, and what a person does for them in a browser. */
import { deviceCodeGrant } from '../../server/src/protocol/terms.ts';
import type { ClientRegistration } from '../../server/src/registry/registration.ts';
import type { Browser, Page } from './browser.ts';
import { aClient } from './builders.ts';
import { issuer, type TokenAnswer, type World } from './world.ts';

/** A confidential application on a device; its secret is `secret-of-<id>`. */
export function deviceApp(clientId = 'tv.app', more: Partial<ClientRegistration> = {}): ClientRegistration {
  const scopes = ['openid', 'profile', 'email', 'groups', 'offline_access'];
  return aClient(clientId)
    .with({
      client_name: 'The television',
      grant_types: [deviceCodeGrant, 'refresh_token'],
      response_types: [],
      redirect_uris: [],
      scopes,
      default_scopes: ['openid'],
      ...more,
    })
    .build();
}

/** The same without a secret: anybody may say that they are it. */
export function publicDeviceApp(clientId = 'tv.public', more: Partial<ClientRegistration> = {}): ClientRegistration {
  return deviceApp(clientId, { token_endpoint_auth_method: 'none', client_secret_digests: [], ...more });
}

export interface StartedDevice {
  readonly device_code: string;
  readonly user_code: string;
  readonly verification_uri: string;
  readonly verification_uri_complete: string;
  readonly expires_in: number;
  readonly interval: number;
}

export function basic(clientId: string): Readonly<Record<string, string>> {
  return { authorization: `Basic ${Buffer.from(`${clientId}:secret-of-${clientId}`).toString('base64')}` };
}

/** `POST /device_authorization` without a library. */
export function askForDevice(
  world: World,
  fields: Readonly<Record<string, string>> = { scope: 'openid profile email' },
  headers: Readonly<Record<string, string>> = basic('tv.app'),
): Promise<Response> {
  return world.fetch(`${issuer}/device_authorization`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(fields).toString(),
  });
}

export async function startDevice(
  world: World,
  fields?: Readonly<Record<string, string>>,
  headers?: Readonly<Record<string, string>>,
): Promise<StartedDevice> {
  const response = await askForDevice(world, fields, headers);
  if (response.status !== 200) throw new Error(await response.text());
  return (await response.json()) as StartedDevice;
}

export function deviceFields(deviceCode: string): Readonly<Record<string, string>> {
  return { grant_type: deviceCodeGrant, device_code: deviceCode };
}

export function poll(world: World, { device_code }: StartedDevice, clientId = 'tv.app'): Promise<TokenAnswer> {
  return world.token(deviceFields(device_code), clientId);
}

/** Whatever comes next is too early, however slow the machine is. */
export async function hurry(world: World): Promise<void> {
  await world.rows(`UPDATE device_codes SET polled_at = now() + interval '1 minute' WHERE polled_at IS NOT NULL`);
}

/** From the code to the page that asks for a yes; signs in if asked. */
export async function enterCode(browser: Browser, userCode: string, username = 'ada'): Promise<Page> {
  let page = await browser.get('/device');
  if (page.name === 'login') {
    page = await browser.submit(page, { username, password: `password-of-${username}`, 'sign-in': '1' });
  }
  return browser.submit(page, { user_code: userCode, continue: '1' });
}

/** The whole way; the page that says how it ended. */
export async function answerDevice(
  browser: Browser,
  { user_code }: StartedDevice,
  decision: 'allow' | 'deny' = 'allow',
  username = 'ada',
): Promise<Page> {
  return browser.submit(await enterCode(browser, user_code, username), { decision });
}
