import { type Static, Type } from 'typebox';
import { clientAuthenticationMethods, grantTypes, responseTypes, signingAlgorithms } from '../protocol/terms.ts';
import { closed, distinct, jwks, lifetime, list, literals, picture, text } from './schema.ts';

const secretDigest = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' });

export const SecretNotes = Type.Object(
  {
    /** Of the second digest, which is accepted beside the current one. RFC 3339. */
    retiring: Type.Optional(Type.Object({ created_at: text(40), superseded_at: text(40) }, closed)),
    /** Digests that must not be accepted again, the newest first. */
    revoked: Type.Optional(distinct(secretDigest, { maxItems: 8 })),
    /** Revocations that were asked for and carried out to the end: SHA-256 of what was asked, base64url. */
    handled: Type.Optional(
      Type.Object({ revoke_old: Type.Optional(secretDigest), revoke_all: Type.Optional(secretDigest) }, closed),
    ),
  },
  closed,
);
export type SecretNotes = Static<typeof SecretNotes>;

/** A client; its id is `client_id`. Extension members beside RFC 7591's are ours and carry no registered name. */
export const ClientRegistration = Type.Object(
  {
    client_id: text(256),
    client_name: text(128),
    client_uri: Type.Optional(text(2048)),
    policy_uri: Type.Optional(text(2048)),
    tos_uri: Type.Optional(text(2048)),
    contacts: Type.Optional(list(text(256), 10)),
    grant_types: distinct(literals(grantTypes), { minItems: 1, maxItems: 8 }),
    response_types: distinct(literals(responseTypes), { maxItems: 8 }),
    redirect_uris: list(text(2048), 32),
    /** OpenID Connect RP-Initiated Logout §3.1 */
    post_logout_redirect_uris: Type.Optional(list(text(2048), 32)),
    /** Origins whose scripts may call token, userinfo and revocation endpoints (CORS). */
    allowed_origins: Type.Optional(list(text(512), 32)),
    /** A PNG for the pages, served by us. */
    logo: Type.Optional(picture),
    /** Scopes that the client may request and that are open to it, built-in ones included; an inert one is left out. */
    scopes: list(text(128), 64),
    /** What it gets when it sends no `scope` (RFC 6749 §3.3); a subset of `scopes`. */
    default_scopes: list(text(128), 64),
    token_endpoint_auth_method: literals(clientAuthenticationMethods),
    /** SHA-256 of each accepted secret, the current one first, base64url without padding (43 characters). At most two. */
    client_secret_digests: distinct(secretDigest, { maxItems: 2 }),
    /** What the operator notes about these secrets; the server does nothing with it. */
    secret_notes: Type.Optional(SecretNotes),
    /** Keys of its assertions or of its certificate; one of the two exactly with `private_key_jwt` and `self_signed_tls_client_auth`. */
    jwks: Type.Optional(jwks(10)),
    /** Where its keys are fetched, through the outbound gate. */
    jwks_uri: Type.Optional(text(2048)),
    /** The name that its certificate carries (RFC 8705 §2.1.2); exactly one with `tls_client_auth`. */
    tls_client_auth_subject_dn: Type.Optional(text(1024)),
    tls_client_auth_san_dns: Type.Optional(text(253)),
    tls_client_auth_san_uri: Type.Optional(text(2048)),
    tls_client_auth_san_ip: Type.Optional(text(45)),
    tls_client_auth_san_email: Type.Optional(text(320)),
    /** RFC 8705 §3.4. Left out: its access tokens are of whoever bears them. */
    tls_client_certificate_bound_access_tokens: Type.Optional(Type.Boolean()),
    /**
     * ServiceAccounts whose tokens speak for it; exactly with `kubernetes_service_account`. `cluster`: one that the server
     * trusts by that name; left out: the one that the client lives in.
     */
    service_accounts: Type.Optional(
      Type.Array(Type.Object({ namespace: text(63), name: text(253), cluster: Type.Optional(text(63)) }, closed), {
        minItems: 1,
        maxItems: 10,
        uniqueItems: true,
      }),
    ),
    require_pkce: Type.Boolean(),
    id_token_signed_response_alg: literals(signingAlgorithms),
    /** Claims put into the ID token although no request asks for them. */
    id_token_claims: list(text(128), 50),
    /** Only members of one of these directory groups may use the client; empty: everybody. */
    access_groups: list(text(1024), 50),
    consent: Type.Object(
      {
        mode: literals(['always', 'remember', 'implicit']),
        remember_for: lifetime,
        on_refused_scope: literals(['drop', 'deny']),
      },
      closed,
    ),
    /** Left out: the server's lifetimes. */
    access_token_lifetime: Type.Optional(lifetime),
    refresh_token_idle: Type.Optional(lifetime),
    refresh_token_absolute: Type.Optional(lifetime),
    /** Audiences of its access tokens beside those of the granted scopes; none at all: `client_id`. */
    access_token_audiences: list(text(512), 16),
    /** Left out: `jwt`. */
    access_token_format: Type.Optional(literals(['jwt', 'opaque'])),
    /** A resource server's: audiences whose tokens it may introspect beside those issued to it or for its own id. */
    introspection_audiences: Type.Optional(list(text(512), 16)),
    /** Left out: `public` (OpenID Connect Core §8). */
    subject_type: Type.Optional(literals(['public', 'pairwise'])),
    /** Host that pairwise subjects are computed for; exactly with `pairwise`. */
    sector_identifier: Type.Optional(text(253)),
    /** Left out: userinfo is plain JSON. */
    userinfo_signed_response_alg: Type.Optional(literals(signingAlgorithms)),
    /** OpenID Connect Back-Channel Logout §2.2, Front-Channel Logout §2. */
    backchannel_logout_uri: Type.Optional(text(2048)),
    frontchannel_logout_uri: Type.Optional(text(2048)),
  },
  closed,
);
export type ClientRegistration = Static<typeof ClientRegistration>;
