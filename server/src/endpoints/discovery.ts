/** What clients may know of this server (OpenID Connect Discovery §3, RFC 8414 §2): all of it true, nothing else. */
import type { FastifyInstance } from 'fastify';
import { endpointPaths, endpointUrl, type MutualTlsEndpoint, mutualTlsUrl } from '../protocol/endpoints.ts';
import {
  assertionAlgorithms,
  authenticationContexts,
  builtInScopes,
  type ClientAuthenticationMethod,
  certificateMethods,
  clientAuthenticationMethods,
  deviceCodeGrant,
  displays,
  type GrantType,
  prompts,
  responseModes,
} from '../protocol/terms.ts';
import type { DirectoryRegistration, ServerRegistration } from '../registry/registration.ts';
import type { Snapshot } from '../registry/snapshot.ts';
import { catalogues } from '../views/index.ts';
import { mountDocument } from './document.ts';

export interface DiscoveryParts {
  readonly snapshot: () => Snapshot;
  /** Verbs of the token endpoint that are served. */
  readonly grantTypes: readonly GrantType[];
}

export function mountDiscovery(app: FastifyInstance, { snapshot, grantTypes }: DiscoveryParts): void {
  mountDocument(app, [endpointPaths.openidConfiguration, endpointPaths.authorizationServer], {
    dependsOn: () => [snapshot()],
    build: () => discoveryDocument(snapshot(), grantTypes),
  });
}

/** Claims that ID tokens and userinfo carry whatever the directories hold. */
const protocolClaims = 'iss sub aud exp iat auth_time nonce sid acr amr groups'.split(' ');

/**
 * Registered names alone: a library may refuse one it does not know. `kubernetes_service_account` is on the wire what
 * `private_key_jwt` is (RFC 7523 §2.2), and whoever uses it was told so by its registration.
 */
const neverPublished: readonly ClientAuthenticationMethod[] = ['kubernetes_service_account'];

/** Those with a certificate where somebody asks for one, and by name where there is an authority (RFC 8705 §2). */
function methodsOf({ mutual_tls: mutual }: ServerRegistration): readonly ClientAuthenticationMethod[] {
  const absent: readonly ClientAuthenticationMethod[] =
    mutual === undefined ? certificateMethods : mutual.ca === undefined ? ['tls_client_auth'] : [];
  return clientAuthenticationMethods.filter((method) => !neverPublished.includes(method) && !absent.includes(method));
}

/** RFC 8705 §3.3, §5: the same endpoints where a certificate is asked for. */
function mutualTlsOf(
  { issuer, mutual_tls: mutual }: ServerRegistration,
  devices: boolean,
): Readonly<Record<string, unknown>> {
  if (mutual === undefined) return {};
  const alias = (endpoint: MutualTlsEndpoint): string => mutualTlsUrl(mutual.url, issuer, endpoint);
  return {
    tls_client_certificate_bound_access_tokens: true,
    mtls_endpoint_aliases: {
      token_endpoint: alias('token'),
      userinfo_endpoint: alias('userinfo'),
      introspection_endpoint: alias('introspection'),
      revocation_endpoint: alias('revocation'),
      ...(devices ? { device_authorization_endpoint: alias('deviceAuthorization') } : {}),
    },
  };
}

/** What a directory's users can have: `address.locality` is a part of `address`, `email_verified` comes with `email`. */
function claimsMapped({ claims }: DirectoryRegistration): readonly string[] {
  const names = Object.keys(claims).map((claim) => (claim.startsWith('address.') ? 'address' : claim));
  return names.includes('email') ? [...names, 'email_verified'] : names;
}

/** What clients may use where no policy says more. */
const withoutPolicy = {
  responseTypes: ['code'],
  grantTypes: ['authorization_code', 'refresh_token', 'client_credentials'],
} as const;

/** Of what policy lets clients use, what is served: verbs of the token endpoint, and `implicit`, which is none. */
function grantTypesWithin(
  { grant_types_supported }: ServerRegistration,
  served: readonly GrantType[],
): readonly GrantType[] {
  const allowed: readonly GrantType[] = grant_types_supported ?? withoutPolicy.grantTypes;
  return allowed.filter((type) => type === 'implicit' || served.includes(type));
}

/** `undefined` until the operator has declared the server. */
export function discoveryDocument(snapshot: Snapshot, grantTypes: readonly GrantType[]): object | undefined {
  const server = snapshot.server?.value;
  if (server === undefined) return undefined;
  const { issuer } = server;
  const granted = grantTypesWithin(server, grantTypes);
  const publishedMethods = methodsOf(server);
  const devices = granted.includes(deviceCodeGrant);
  const mapped = [...snapshot.directories()].flatMap(({ value }) => claimsMapped(value));
  return {
    issuer,
    authorization_endpoint: endpointUrl(issuer, 'authorization'),
    token_endpoint: endpointUrl(issuer, 'token'),
    userinfo_endpoint: endpointUrl(issuer, 'userinfo'),
    jwks_uri: endpointUrl(issuer, 'jwks'),
    // Scopes of the tenants are not published: their names tell who works on what.
    scopes_supported: builtInScopes,
    response_types_supported: server.response_types_supported ?? withoutPolicy.responseTypes,
    response_modes_supported: responseModes,
    grant_types_supported: granted,
    // Where no policy allows the grant, the endpoint refuses every client.
    ...(devices ? { device_authorization_endpoint: endpointUrl(issuer, 'deviceAuthorization') } : {}),
    subject_types_supported: ['public', 'pairwise'],
    id_token_signing_alg_values_supported: server.signing.algorithms,
    token_endpoint_auth_methods_supported: publishedMethods,
    token_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    userinfo_signing_alg_values_supported: server.signing.algorithms,
    introspection_endpoint: endpointUrl(issuer, 'introspection'),
    // Whoever can prove nothing learns of no token.
    introspection_endpoint_auth_methods_supported: publishedMethods.filter((method) => method !== 'none'),
    introspection_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    end_session_endpoint: endpointUrl(issuer, 'endSession'),
    backchannel_logout_supported: true,
    backchannel_logout_session_supported: true,
    frontchannel_logout_supported: true,
    frontchannel_logout_session_supported: true,
    revocation_endpoint: endpointUrl(issuer, 'revocation'),
    revocation_endpoint_auth_methods_supported: publishedMethods,
    revocation_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    code_challenge_methods_supported: ['S256'],
    claim_types_supported: ['normal'],
    claims_supported: [...new Set([...protocolClaims, ...mapped])],
    acr_values_supported: authenticationContexts,
    display_values_supported: displays,
    prompt_values_supported: prompts,
    ui_locales_supported: Object.keys(catalogues),
    claims_parameter_supported: true,
    request_parameter_supported: false,
    request_uri_parameter_supported: false,
    authorization_response_iss_parameter_supported: true,
    ...mutualTlsOf(server, devices),
  };
}
