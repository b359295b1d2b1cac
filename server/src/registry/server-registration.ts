import { type Static, Type } from 'typebox';
import { grantTypes, responseTypes, signingAlgorithms } from '../protocol/terms.ts';
import { closed, color, distinct, jwks, lifetime, list, literals, picture, text } from './schema.ts';

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
        algorithms: distinct(literals(signingAlgorithms), { minItems: 1, maxItems: 2 }),
        rotate_every: lifetime,
        publish_before: lifetime,
        retire_after: lifetime,
      },
      closed,
    ),
    /** What the policies of its owner let any client use, for the metadata; left out: what needs no policy. */
    grant_types_supported: Type.Optional(distinct(literals(grantTypes), { maxItems: 8 })),
    response_types_supported: Type.Optional(distinct(literals(responseTypes), { maxItems: 8 })),
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
