/** The beginning of every walk: the application's own credentials, and what the server says about itself. */
import { randomBytes } from 'node:crypto';
import * as client from 'openid-client';
import { type Credentials, readCredentials } from '../credentials.ts';
import { recordingFetch } from '../recorder.ts';
import type { Flow, Registered, Walk } from '../walk.ts';
import { addStep } from './steps.ts';

const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code';

/** What can be begun with these grant types, the usual one first. */
export function flowsOf(grantTypes: readonly string[]): readonly Flow[] {
  const begins: readonly (readonly [Flow, readonly string[]])[] = [
    ['browser', ['authorization_code', 'implicit']],
    ['device', [deviceGrant]],
    ['machine', ['client_credentials']],
  ];
  return begins.filter(([, grants]) => grants.some((grant) => grantTypes.includes(grant))).map(([flow]) => flow);
}

/** Those that its Client lists, or else all that its grant types stand for. */
export function responseTypesOf(registered: Registered, grantTypes: readonly string[]): readonly string[] {
  if (registered.responseTypes !== undefined) return registered.responseTypes;
  const code = grantTypes.includes('authorization_code');
  const implicit = grantTypes.includes('implicit');
  return [
    ...(code ? ['code'] : []),
    ...(implicit ? ['id_token token', 'id_token', 'token'] : []),
    ...(code && implicit ? ['code id_token', 'code token', 'code id_token token'] : []),
  ];
}

export function authenticationOf({ clientSecret }: Credentials): client.ClientAuth {
  return clientSecret === undefined ? client.None() : client.ClientSecretBasic(clientSecret);
}

/** Plain http is for loopback alone; anywhere else this application refuses it. */
export function isLoopback(issuer: string): boolean {
  return new URL(issuer).protocol === 'http:';
}

/** Finds the server's endpoints and keys. @throws Error when the Secret is not there yet or the server is not. */
export async function beginWalk(registered: Registered, wanted: string): Promise<Walk> {
  const credentials = await readCredentials(registered.secretFile);
  const { issuer, clientId, grantTypes } = credentials;
  const fresh: Walk['fresh'] = [];
  const config = await client.discovery(new URL(issuer), clientId, {}, authenticationOf(credentials), {
    [client.customFetch]: recordingFetch((exchange) => fresh.push(exchange)),
    execute: [client.enableNonRepudiationChecks, ...(isLoopback(issuer) ? [client.allowInsecureRequests] : [])],
    timeout: 10,
  });
  const flows = flowsOf(grantTypes);
  const flow = flows.find((one) => one === wanted) ?? flows[0] ?? 'machine';
  const id = randomBytes(16).toString('base64url');
  const walk: Walk = { id, registered, flow, credentials, config, steps: [], fresh };
  addStep(walk, {
    name: 'discovery',
    title: 'Find the endpoints',
    text: 'The application knows one address, the issuer. Everything else stands in its discovery document.',
  });
  return walk;
}
