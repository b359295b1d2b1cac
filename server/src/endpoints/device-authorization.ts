/** The device authorization endpoint (RFC 8628 §3.1, §3.2): a device asks, and is told what to show to a person. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AuthenticateClient } from '../http/client-authentication.ts';
import { readClientRequest, takePostOnly } from '../http/client-request.ts';
import { noStore } from '../http/headers.ts';
import { HttpError } from '../http/http-error.ts';
import { createLimiter, type Limiter } from '../http/limiter.ts';
import { networkOf, type Source } from '../http/source.ts';
import type { AuthenticatedClient } from '../protocol/client.ts';
import { endpointPaths, endpointUrl } from '../protocol/endpoints.ts';
import { jsonError } from '../protocol/errors.ts';
import type { Parameters } from '../protocol/parameters.ts';
import { readResources, targets } from '../protocol/resources.ts';
import { chooseScopes, parseScope } from '../protocol/scope.ts';
import { deviceCodeGrant, devicePollInterval } from '../protocol/terms.ts';
import type { ServerRegistration } from '../registry/registration.ts';
import type { DeviceCodeStore, NewDeviceCode } from '../store/device-codes.ts';
import { auditedClient } from '../telemetry/audit.ts';
import type { EmitAudit } from '../telemetry/audit-log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { audiencesOf } from '../tokens/access-token.ts';
import { newHandle, newId } from '../tokens/handle.ts';
import { newUserCode, shownUserCode } from '../tokens/user-code.ts';
import { placeOfDevice } from './device-place.ts';

export interface DeviceAuthorizationParts {
  readonly authenticate: AuthenticateClient;
  readonly codes: Pick<DeviceCodeStore, 'start'>;
  readonly digestUserCode: (code: string) => Buffer;
  readonly server: () => ServerRegistration;
  readonly audiencesOfScope: (scope: string) => readonly string[];
  readonly audit: EmitAudit;
  readonly metrics: Metrics;
}

/** RFC 8628 §3.2 */
interface DeviceAuthorizationWire {
  readonly device_code: string;
  readonly user_code: string;
  readonly verification_uri: string;
  readonly verification_uri_complete: string;
  readonly expires_in: number;
  readonly interval: number;
}

export function mountDeviceAuthorization(app: FastifyInstance, parts: DeviceAuthorizationParts): void {
  const config = { errors: 'json', admission: 'token' } as const;
  const strangers = createLimiter({ perMinute: startsPerMinute, maxKeys: 10_000, now: () => performance.now() });
  app.post(endpointPaths.deviceAuthorization, { config }, async (request, reply) =>
    reply.headers(noStore).send(JSON.stringify(await answer(parts, strangers, request))),
  );
  takePostOnly(app, endpointPaths.deviceAuthorization);
}

/**
 * Of one public client from one address, on this replica. Anybody can say that they are such a client, and a client has so
 * many waiting codes (`maxDeviceCodes`): whoever takes them all keeps every device of it from being connected.
 */
const startsPerMinute = 30;

/** @throws HttpError 429 */
function requireShare(
  { metrics }: DeviceAuthorizationParts,
  strangers: Limiter,
  { method, uid }: AuthenticatedClient,
  { address, limitFactor }: Source,
): void {
  if (method !== 'none') return;
  const key = `${networkOf(address)} ${uid}`;
  const wait = strangers.wait(key, limitFactor);
  if (wait > 0) {
    metrics.rateLimited.inc({ limiter: 'address' });
    throw new HttpError(429, 'temporarily_unavailable', {
      description: 'too many devices ask from this address, try again in a moment',
      headers: { 'retry-after': String(wait) },
    });
  }
  strangers.count(key, limitFactor);
}

async function answer(
  parts: DeviceAuthorizationParts,
  strangers: Limiter,
  request: FastifyRequest,
): Promise<DeviceAuthorizationWire> {
  const { client, parameters, source } = await readClientRequest(parts.authenticate, request);
  if (!client.registration.grant_types.includes(deviceCodeGrant)) {
    throw jsonError('unauthorized_client', 'the client may not use this grant type');
  }
  const scopes = scopesOf(parameters, client);
  const resources = resourcesOf(parts, parameters, client, scopes);
  requireShare(parts, strangers, client, source);
  const server = parts.server();
  const lifetime = server.lifetimes.device_code ?? defaultLifetime;
  const grantId = newId();
  const codes = await start(parts, client, {
    grantId,
    scopes,
    resources,
    network: placeOfDevice(source),
    lifetime,
  });
  parts.metrics.deviceAuthorizations.inc({ outcome: 'started' });
  parts.audit({
    event: 'device.started',
    outcome: 'success',
    requestId: request.id,
    clientAddress: source.address,
    ...auditedClient(client.registration, client.uid, client.allowedBy),
    grantId,
    grantType: deviceCodeGrant,
    scopes,
  });
  return wireOf(codes, server, lifetime);
}

/** Seconds. */
const defaultLifetime = 600;

function scopesOf(parameters: Parameters, { registration }: AuthenticatedClient): readonly string[] {
  const text = parameters.get('scope');
  const asked = text === undefined ? undefined : parseScope(text);
  if (asked === null) throw jsonError('invalid_scope', 'the scope parameter is malformed');
  const choice = chooseScopes(asked, registration, 'with_user');
  if (choice.outcome === 'refused') {
    throw jsonError('invalid_scope', 'a requested scope is unknown or not open to this client');
  }
  // It says nothing where there are no refresh tokens (OpenID Connect Core §11: ignore it).
  const refreshes = registration.grant_types.includes('refresh_token');
  const scopes = choice.scopes.filter((scope) => scope !== 'offline_access' || refreshes);
  if (scopes.length === 0)
    throw jsonError('invalid_scope', 'no scope is requested, and the client has none by default');
  return scopes;
}

/** Narrows what the tokens will be for (RFC 8707 §2). */
function resourcesOf(
  { audiencesOfScope }: DeviceAuthorizationParts,
  parameters: Parameters,
  { registration }: AuthenticatedClient,
  scopes: readonly string[],
): readonly string[] | undefined {
  const resources = readResources(parameters);
  const good = resources !== null && targets(audiencesOf(registration, scopes.flatMap(audiencesOfScope)), resources);
  if (good === null || good === false)
    throw jsonError('invalid_target', 'a resource is no audience of the requested scopes');
  return resources ?? undefined;
}

type Asked = Pick<NewDeviceCode, 'grantId' | 'scopes' | 'resources' | 'network' | 'lifetime'>;

interface Codes {
  readonly deviceCode: string;
  readonly userCode: string;
}

/** Two devices with one user code are as likely as a hit by guessing: it is tried again, and not for ever. */
async function start(
  { codes, digestUserCode }: DeviceAuthorizationParts,
  { registration, uid }: AuthenticatedClient,
  asked: Asked,
): Promise<Codes> {
  for (let round = 0; round < 3; round++) {
    const deviceCode = newHandle();
    const userCode = newUserCode();
    const started = await codes.start({
      deviceCode,
      userCode: digestUserCode(userCode),
      clientId: registration.client_id,
      clientUid: uid,
      ...asked,
    });
    if (started === 'started') return { deviceCode, userCode };
    if (started === 'full') {
      throw jsonError('temporarily_unavailable', 'too many devices of this client are waiting');
    }
  }
  throw jsonError('temporarily_unavailable', 'try again in a moment', { detail: 'no user code was free' });
}

function wireOf(
  { deviceCode, userCode }: Codes,
  { issuer }: ServerRegistration,
  lifetime: number,
): DeviceAuthorizationWire {
  const uri = endpointUrl(issuer, 'deviceVerification');
  const shown = shownUserCode(userCode);
  return {
    device_code: deviceCode,
    user_code: shown,
    verification_uri: uri,
    verification_uri_complete: `${uri}?${new URLSearchParams({ user_code: shown }).toString()}`,
    expires_in: lifetime,
    interval: devicePollInterval,
  };
}
