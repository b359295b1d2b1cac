/**
 * What the operator declares and the server serves, in the words of the RFCs (RFC 7591 client metadata where it has
 * one). Every registration is checked against these schemas when it is written and again when a replica loads it: the
 * database is not trusted input. Durations are whole seconds.
 */
import { type Static, Type } from 'typebox';
import {
  assertionAlgorithms,
  clientAuthenticationMethods,
  grantTypes,
  responseTypes,
  signingAlgorithms,
} from '../protocol/terms.ts';

/** The newest row format this version writes and reads. A reader drops rows with a larger one and reports them. */
export const registrationFormat = 1;

const literals = <const T extends readonly string[]>(values: T) => Type.Enum<[...T]>([...values]);
const closed = { additionalProperties: false };
const text = (maxLength: number) => Type.String({ minLength: 1, maxLength });
const lifetime = Type.Integer({ minimum: 1, maximum: 315_360_000 });
const list = <T extends ReturnType<typeof text>>(items: T, maxItems: number) =>
  Type.Array(items, { maxItems, uniqueItems: true });

export const registrationKinds = ['server', 'client', 'scope', 'directory'] as const;
export type RegistrationKind = (typeof registrationKinds)[number];

const keyMember = (maxLength: number) => Type.String({ pattern: '^[A-Za-z0-9_-]+$', maxLength });

/** A public key that verifies assertions (RFC 7517 §4). Closed: a private or a symmetric member does not fit in. */
export const PublicJwk = Type.Object(
  {
    kty: literals(['RSA', 'EC', 'OKP']),
    kid: text(256),
    /** The one algorithm of this key; left out: RS256, ES256, ES384, ES512 or EdDSA, as the key is made. */
    alg: Type.Optional(literals(assertionAlgorithms)),
    use: Type.Optional(literals(['sig'])),
    n: Type.Optional(keyMember(1366)),
    e: Type.Optional(keyMember(8)),
    crv: Type.Optional(literals(['P-256', 'P-384', 'P-521', 'Ed25519'])),
    x: Type.Optional(keyMember(88)),
    y: Type.Optional(keyMember(88)),
    /** A certificate over the key, in base64 (RFC 7517 §4.7): then that one certificate counts, and no other over the key. */
    x5c: Type.Optional(
      Type.Array(Type.String({ pattern: '^[A-Za-z0-9+/]+={0,2}$', maxLength: 8192 }), { minItems: 1, maxItems: 1 }),
    ),
  },
  closed,
);
export type PublicJwk = Static<typeof PublicJwk>;

const jwks = (maxItems: number) => Type.Object({ keys: Type.Array(PublicJwk, { minItems: 1, maxItems }) }, closed);

/** A PNG picture in base64; 64 KiB at most before encoding. */
const picture = Type.String({ pattern: '^[A-Za-z0-9+/]+={0,2}$', maxLength: 87_384 });
const color = Type.String({ pattern: '^#[0-9a-f]{6}$' });

/** How the pages look and what they link to. */
const Branding = Type.Object(
  {
    /** Accent colours that were judged readable by whoever declared them. */
    colors: Type.Optional(Type.Object({ light: Type.Optional(color), dark: Type.Optional(color) }, closed)),
    logo: Type.Optional(picture),
    /** `https` pages. */
    links: Type.Optional(
      Type.Object(
        { help: Type.Optional(text(2048)), privacy: Type.Optional(text(2048)), terms: Type.Optional(text(2048)) },
        closed,
      ),
    ),
    texts: Type.Optional(
      Type.Object(
        {
          username_label: Type.Optional(text(64)),
          username_hint: Type.Optional(text(128)),
          help: Type.Optional(text(256)),
          footer: Type.Optional(text(256)),
        },
        closed,
      ),
    ),
  },
  closed,
);
export type Branding = Static<typeof Branding>;

/** Whose ServiceAccount tokens may speak for clients. */
const Kubernetes = Type.Object(
  {
    /** The cluster that its clients live in: the keys with which it signs the tokens of its ServiceAccounts. */
    jwks: Type.Optional(jwks(20)),
    /** Others that are trusted, by names of ours. Which one a token is from, the key says that verifies it. */
    clusters: Type.Optional(
      Type.Array(
        Type.Object(
          {
            name: text(63),
            /** `iss` of its tokens; may be that of another cluster too. */
            issuer: text(512),
            /** Its keys, or where they are fetched through the outbound gate: one of the two. */
            jwks: Type.Optional(jwks(20)),
            jwks_uri: Type.Optional(text(2048)),
            /** PEM: the authorities that are trusted there; left out: the usual ones. */
            ca: Type.Optional(text(262_144)),
          },
          closed,
        ),
        { minItems: 1, maxItems: 8 },
      ),
    ),
  },
  closed,
);
export type KubernetesClusters = Static<typeof Kubernetes>;

/** Settings of the one AuthorizationServer that a database serves; its id is always `self`. */
export const ServerRegistration = Type.Object(
  {
    issuer: text(512),
    display_name: Type.Optional(text(64)),
    lifetimes: Type.Object(
      {
        authorization_code: lifetime,
        access_token: lifetime,
        id_token: lifetime,
        refresh_token_idle: lifetime,
        refresh_token_absolute: lifetime,
        session_idle: lifetime,
        session_absolute: lifetime,
        /** Left out: 600. */
        device_code: Type.Optional(lifetime),
      },
      closed,
    ),
    signing: Type.Object(
      {
        /** The first one signs access tokens; RS256 is always among them. */
        algorithms: Type.Array(literals(signingAlgorithms), { minItems: 1, maxItems: 2, uniqueItems: true }),
        rotate_every: lifetime,
        publish_before: lifetime,
        retire_after: lifetime,
      },
      closed,
    ),
    /** What the policies of its owner let any client use, for the metadata; left out: what needs no policy. */
    grant_types_supported: Type.Optional(Type.Array(literals(grantTypes), { maxItems: 8, uniqueItems: true })),
    response_types_supported: Type.Optional(Type.Array(literals(responseTypes), { maxItems: 8, uniqueItems: true })),
    /** Peers whose forwarded headers are believed: CIDRs, and the header that names the client's address. */
    trusted_proxies: Type.Optional(
      Type.Object(
        {
          cidrs: list(text(64), 64),
          header: literals(['x-forwarded-for', 'forwarded', 'x-real-ip']),
          /** The header with the certificate of whoever connected to them (RFC 9440). Left out: none is believed. */
          certificate_header: Type.Optional(literals(['client-cert'])),
        },
        closed,
      ),
    ),
    /** Certificates of clients (RFC 8705). Left out: nobody is asked for one, and none counts. */
    mutual_tls: Type.Optional(
      Type.Object(
        {
          /** Scheme, host and port of the listener that asks for them, as clients reach it. */
          url: text(512),
          /** PEM: the authorities of `tls_client_auth`; left out: that method has none. */
          ca: Type.Optional(text(262_144)),
        },
        closed,
      ),
    ),
    /**
     * What may be called on a client's word although the outbound gate would refuse it: names and `*.`names, whose addresses
     * may then be private, addresses and CIDRs.
     */
    outbound_allowed: Type.Optional(list(text(253), 64)),
    branding: Type.Optional(Branding),
    kubernetes: Type.Optional(Kubernetes),
  },
  closed,
);
export type ServerRegistration = Static<typeof ServerRegistration>;

const secretDigest = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' });

export const SecretNotes = Type.Object(
  {
    /** Of the second digest, which is accepted beside the current one. RFC 3339. */
    retiring: Type.Optional(Type.Object({ created_at: text(40), superseded_at: text(40) }, closed)),
    /** Digests that must not be accepted again, the newest first. */
    revoked: Type.Optional(Type.Array(secretDigest, { maxItems: 8, uniqueItems: true })),
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
    grant_types: Type.Array(literals(grantTypes), { minItems: 1, maxItems: 8, uniqueItems: true }),
    response_types: Type.Array(literals(responseTypes), { maxItems: 8, uniqueItems: true }),
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
    client_secret_digests: Type.Array(secretDigest, { maxItems: 2, uniqueItems: true }),
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

/** A scope that is not built in; its id is `scope`. */
export const ScopeRegistration = Type.Object(
  {
    scope: text(128),
    display_name: text(128),
    description: Type.Optional(text(512)),
    claims: list(text(128), 50),
    audiences: list(text(512), 16),
    consent: literals(['required', 'implicit']),
    /** By BCP 47 tag: the same two texts in other languages. */
    translations: Type.Optional(
      Type.Record(
        Type.String({ pattern: '^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$', maxLength: 35 }),
        Type.Object({ display_name: text(128), description: Type.Optional(text(512)) }, closed),
      ),
    ),
  },
  closed,
);
export type ScopeRegistration = Static<typeof ScopeRegistration>;

const searchScope = literals(['base', 'one', 'sub']);

/** A directory (an LdapBinding); its id is `<namespace>/<name>`. */
export const DirectoryRegistration = Type.Object(
  {
    /** `ldaps://host[:port]`, in order of preference; none where DNS names them. */
    servers: Type.Array(Type.String({ pattern: '^ldaps://', maxLength: 512 }), { maxItems: 8, uniqueItems: true }),
    /** The domain whose SRV records name the servers, inside of it; left out: they are listed. */
    srv_domain: Type.Optional(
      Type.String({ pattern: '^([a-z0-9]([-a-z0-9]*[a-z0-9])?[.])*[a-z]([-a-z0-9]*[a-z0-9])?$', maxLength: 253 }),
    ),
    /** PEM certificates that are trusted for these servers alone; left out: the system's. */
    ca_bundle: Type.Optional(text(262_144)),
    bind_dn: text(1024),
    /**
     * The service account's password. Plain in the hands of the operator and of the directory room; sealed with the
     * key-encryption key in the table, and never part of a fingerprint, a log or an error.
     */
    bind_password: text(1024),
    vendor: literals(['active_directory', 'openldap', '389ds', 'generic']),
    subject_namespace: text(256),
    user_search: Type.Object(
      {
        base: text(1024),
        scope: searchScope,
        /** `{}` stands for the typed user name, as the whole value of an equality or extensible match. */
        filter: text(1024),
        attributes: Type.Object(
          {
            username: text(128),
            /** The immutable id of an entry, e.g. `entryUUID`. */
            subject: text(128),
            display_name: Type.Optional(text(128)),
          },
          closed,
        ),
      },
      closed,
    ),
    group_search: Type.Optional(
      Type.Object(
        {
          base: text(1024),
          scope: searchScope,
          /** `{}` stands for the user's DN. */
          filter: text(1024),
          attributes: Type.Object(
            {
              name: text(128),
              /** Attribute of the user whose value takes the place of `{}`; left out: the user's DN. */
              user: Type.Optional(text(128)),
            },
            closed,
          ),
          /** Groups inside groups are followed. */
          nested: Type.Optional(Type.Boolean()),
        },
        closed,
      ),
    ),
    /** Attribute of the user's entry that lists group DNs, when there is one; used instead of a search. */
    member_of_attribute: Type.Optional(text(128)),
    /** Claim name → attribute name; `address.street_address` and the like make up the claim `address`. */
    claims: Type.Record(Type.String({ maxLength: 128 }), text(128)),
    /** `never`, `always`, or the attribute that says so. */
    email_verified: Type.Union([literals(['never', 'always']), Type.Object({ attribute: text(128) }, closed)]),
    consent_rules: Type.Array(
      Type.Object(
        {
          name: text(128),
          scopes: list(text(128), 64),
          groups: list(text(1024), 50),
          filter: Type.Optional(text(1024)),
        },
        closed,
      ),
      { maxItems: 50 },
    ),
    unlisted_scopes: literals(['allow', 'deny']),
    /** Users change their password here; left out: they do not. */
    password_change: Type.Optional(literals(['allowed'])),
    /** Milliseconds. */
    timeouts: Type.Object({ connect: lifetime, bind: lifetime, search: lifetime }, closed),
    /** Lower is asked first. */
    priority: Type.Integer({ minimum: 0, maximum: 1_000_000 }),
    /** Which user names belong here; both empty: all. Compared case-insensitively. */
    matches: Type.Object({ suffixes: list(text(256), 50), names: list(text(256), 50) }, closed),
    /** How signed-in users are looked at again; left out: every minute. */
    recheck: Type.Optional(
      Type.Object(
        {
          /** Seconds. */
          every: Type.Optional(Type.Integer({ minimum: 10, maximum: 3600 })),
          /** A word that was not given before lets one round go on that would end many. */
          confirmed: Type.Optional(text(256)),
        },
        closed,
      ),
    ),
    /** Names of whom the report tells what a sign-in would find; left out: of nobody. */
    sample_users: Type.Optional(list(text(256), 5)),
  },
  closed,
);
export type DirectoryRegistration = Static<typeof DirectoryRegistration>;

export interface RegistrationByKind {
  server: ServerRegistration;
  client: ClientRegistration;
  scope: ScopeRegistration;
  directory: DirectoryRegistration;
}

/** For the audit: what stands behind a client. */
export interface AllowedBy {
  /** `metadata.generation` of its resource that is registered. */
  readonly generation: number;
  /** The policy of the server that allowed it; left out: none was asked. */
  readonly policy?: string | undefined;
}

/** The resource that declared a registration. `source` is the cluster's id or the folder's `--source-name`. */
export interface Owner {
  readonly source: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}
