/** PURE. Client → client metadata (RFC 7591 §2). */
import { type ClientSpec, durationSeconds } from '@nauthera/crds';
import type { ClientRegistration } from '@nauthera/server/registry';

export interface ClientFacts {
  readonly namespace: string;
  readonly name: string;
  readonly spec: ClientSpec;
  /** Scopes that exist and are open to it, in the order of `spec.scopes`. */
  readonly scopes: readonly string[];
  readonly secretDigests: readonly string[];
}

export function clientIdOf({ namespace, name, spec }: Pick<ClientFacts, 'namespace' | 'name' | 'spec'>): string {
  return spec.clientId ?? `${namespace}.${name}`;
}

export function responseTypesOf(spec: ClientSpec): ClientSpec['responseTypes'] & {} {
  return spec.responseTypes ?? (spec.grantTypes.includes('authorization_code') ? ['code'] : []);
}

export function registerClient(facts: ClientFacts): ClientRegistration {
  const { name, spec, scopes } = facts;
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
    scopes: [...scopes],
    default_scopes: (spec.defaultScopes ?? []).filter((scope) => scopes.includes(scope)),
    token_endpoint_auth_method: spec.authentication.method,
    client_secret_digests: [...facts.secretDigests],
    require_pkce: spec.pkce === 'Required',
    id_token_signed_response_alg: spec.idToken.signingAlgorithm,
    id_token_claims: spec.idToken.claims ?? [],
    access_groups: spec.access?.groups ?? [],
    consent: {
      mode: consentModes[spec.consent.mode],
      remember_for: durationSeconds(spec.consent.rememberFor),
      on_refused_scope: spec.consent.onRefusedScope === 'Deny' ? 'deny' : 'drop',
    },
    ...given('access_token_lifetime', inSeconds(spec.accessToken?.lifetime)),
    ...given('refresh_token_idle', inSeconds(spec.refreshToken?.idle)),
    ...given('refresh_token_absolute', inSeconds(spec.refreshToken?.absolute)),
    access_token_audiences: spec.accessToken?.audiences ?? [],
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
