/** PURE. Client → client metadata (RFC 7591 §2). */
import { type ClientSpec, durationSeconds, localCluster, userGrantTypes } from '@nauthera/crds';
import type { ClientRegistration, PublicJwk, SecretNotes } from '@nauthera/server/registry';
import { registerCertificate } from './mutual-tls.ts';

export interface ClientFacts {
  readonly namespace: string;
  readonly name: string;
  readonly spec: ClientSpec;
  /** Scopes that exist and are open to it, in the order of `spec.scopes`. */
  readonly scopes: readonly string[];
  readonly secretDigests: readonly string[];
  readonly secretNotes?: SecretNotes | undefined;
  /** A PNG file in base64. */
  readonly logo?: string | undefined;
  /** Durations, where they are not those of `spec`: a policy is shorter than what the server does anyway. */
  readonly lifetimes?: {
    readonly accessToken: string | undefined;
    readonly refreshIdle: string | undefined;
    readonly refreshAbsolute: string | undefined;
  };
}

export function clientIdOf({ namespace, name, spec }: Pick<ClientFacts, 'namespace' | 'name' | 'spec'>): string {
  return spec.clientId ?? `${namespace}.${name}`;
}

export function responseTypesOf(spec: ClientSpec): ClientSpec['responseTypes'] & {} {
  return spec.responseTypes ?? (spec.grantTypes.includes('authorization_code') ? ['code'] : []);
}

/** The host of its pairwise subjects; several are refused by rule unless one is named. */
export function sectorOf({ subjectType, sectorIdentifier, redirectUris = [] }: ClientSpec): string | undefined {
  if (subjectType !== 'pairwise') return undefined;
  return sectorIdentifier ?? redirectUris.map(webHostOf).find((host) => host !== undefined);
}

function webHostOf(uri: string): string | undefined {
  const url = URL.parse(uri);
  const local = url === null || /^(localhost|127\.\d+\.\d+\.\d+|\[.*\])$/.test(url.hostname);
  return local || url.protocol !== 'https:' ? undefined : url.hostname;
}

/** Whether users sign in for it. */
export function hasUsers({ grantTypes }: ClientSpec): boolean {
  return userGrantTypes.some((grant) => grantTypes.includes(grant));
}

export function registerClient(facts: ClientFacts): ClientRegistration {
  const { namespace, name, spec, scopes } = facts;
  const lifetimes = facts.lifetimes ?? ownLifetimes(spec);
  const { method, jwks, jwksUri, serviceAccounts } = spec.authentication;
  return {
    client_id: clientIdOf(facts),
    client_name: spec.displayName ?? name,
    ...given('client_uri', spec.uri),
    ...given('policy_uri', spec.policyUri),
    ...given('tos_uri', spec.tosUri),
    ...given('contacts', spec.contacts),
    grant_types: spec.grantTypes,
    response_types: responseTypesOf(spec),
    redirect_uris: spec.redirectUris ?? [],
    ...given('post_logout_redirect_uris', spec.postLogoutRedirectUris),
    ...given('allowed_origins', spec.allowedOrigins),
    ...given('logo', facts.logo),
    scopes: [...scopes],
    default_scopes: (spec.defaultScopes ?? []).filter((scope) => scopes.includes(scope)),
    token_endpoint_auth_method: method,
    client_secret_digests: [...facts.secretDigests],
    ...given('secret_notes', facts.secretNotes),
    ...given('jwks', jwks === undefined ? undefined : { keys: jwks.keys.map(publicJwk) }),
    ...given('jwks_uri', jwksUri),
    ...registerCertificate(spec),
    // Never of another namespace: whoever writes the Client speaks for its own alone.
    ...given(
      'service_accounts',
      serviceAccounts?.map(({ name: account, cluster }) => ({
        namespace,
        name: account,
        ...(cluster === localCluster ? {} : { cluster }),
      })),
    ),
    require_pkce: spec.pkce === 'Required',
    id_token_signed_response_alg: spec.idToken.signingAlgorithm,
    id_token_claims: spec.idToken.claims ?? [],
    access_groups: spec.access?.groups ?? [],
    consent: {
      mode: consentModes[spec.consent.mode],
      remember_for: durationSeconds(spec.consent.rememberFor),
      on_refused_scope: spec.consent.onRefusedScope === 'Deny' ? 'deny' : 'drop',
    },
    ...given('access_token_lifetime', inSeconds(lifetimes.accessToken)),
    ...given('refresh_token_idle', inSeconds(lifetimes.refreshIdle)),
    ...given('refresh_token_absolute', inSeconds(lifetimes.refreshAbsolute)),
    access_token_audiences: spec.accessToken?.audiences ?? [],
    // What the server takes where a member is left out is left out: there may be 100,000 rows.
    ...(spec.accessToken?.format === 'opaque' ? { access_token_format: 'opaque' as const } : {}),
    ...given('introspection_audiences', spec.introspection?.audiences),
    ...(spec.subjectType === 'pairwise' ? { subject_type: 'pairwise' as const } : {}),
    ...given('sector_identifier', sectorOf(spec)),
    ...given('userinfo_signed_response_alg', spec.userinfo?.signingAlgorithm),
    ...given('backchannel_logout_uri', spec.logout?.backchannelUri),
    ...given('frontchannel_logout_uri', spec.logout?.frontchannelUri),
  };
}

function ownLifetimes({ accessToken, refreshToken }: ClientSpec): NonNullable<ClientFacts['lifetimes']> {
  return {
    accessToken: accessToken?.lifetime,
    refreshIdle: refreshToken?.idle,
    refreshAbsolute: refreshToken?.absolute,
  };
}

type SpecJwk = NonNullable<ClientSpec['authentication']['jwks']>['keys'][number];

/** A private member is refused by rule; here it could not pass either. */
function publicJwk({ kty, kid, alg, use, n, e, crv, x, y, x5c }: SpecJwk): PublicJwk {
  return {
    kty,
    kid,
    ...given('alg', alg),
    ...given('use', use),
    ...given('n', n),
    ...given('e', e),
    ...given('crv', crv),
    ...given('x', x),
    ...given('y', y),
    ...given('x5c', x5c),
  };
}

const consentModes = { Always: 'always', Remember: 'remember', Implicit: 'implicit' } as const;

function inSeconds(duration: string | undefined): number | undefined {
  return duration === undefined ? undefined : durationSeconds(duration);
}

/** A member only where there is a value: `undefined` is no JSON. */
function given<K extends string, V>(name: K, value: V | undefined): { [name in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { [name in K]?: V });
}
