/** Certificates of clients. */
import { no, row, type Specification, when, yes } from './specification.ts';

const flow = 'flows/mutual-tls';
const authentication = `${flow}: client authentication by certificate (RFC 8705 §2)`;
const bound = `${flow}: tokens bound to a certificate (RFC 8705 §3)`;
const wrong = `${authentication} › %s does not speak for %s; what is said is always the same`;
const chain = 'unit/protocol/certificate-chain';
const subject = 'unit/protocol/certificate-subject';
const metadata = 'unit/protocol/client-metadata: client metadata › %s';

export const rfc8705: Specification = {
  name: 'RFC 8705',
  title: 'OAuth 2.0 Mutual-TLS Client Authentication and Certificate-Bound Access Tokens',
  url: 'https://www.rfc-editor.org/rfc/rfc8705',
  about:
    'There where the AuthorizationServer says `mutualTls.mode: Listener`. Revocation lists and OCSP are not asked: a client is ended in its registration.',
  lines: [
    yes(
      '§2',
      '`client_id` in the form, and a certificate in the connection, at every endpoint that authenticates clients.',
      `${authentication} › %s is authenticated at every endpoint that takes it`,
    ),
    yes(
      '§2',
      'No certificate, or one that is not expected: `invalid_client`, whatever is wrong, and for an unknown client too.',
      wrong,
    ),
    yes(
      '§2',
      'A certificate beside another method is no second one.',
      `${authentication} › a certificate beside a secret is no second method`,
    ),
    yes(
      '§2.1, §7.3',
      '`tls_client_auth`: the chain leads to an authority of the server: in time, allowed to issue, for clients, as long as its path length says. Constraints on names and policies, and critical extensions that nobody here knows, are refused.',
      `${chain}: RFC 5280 §6: a certificate of a client leads to an authority › trusted: %s`,
      `${chain}: RFC 5280 §6: a certificate of a client leads to an authority › untrusted: %s`,
      `${chain}: RFC 5280 §6: a certificate of a client leads to an authority › expired: %s`,
      `${authentication} › what leads to the authority may come along`,
    ),
    yes(
      '§2.1.2',
      'Exactly one of `tls_client_auth_subject_dn`, `_san_dns`, `_san_uri`, `_san_ip` and `_san_email`.',
      row(metadata, 'RFC 8705 §2.1.2: a client by its certificate names one name of it'),
    ),
    yes(
      '§2.1.2',
      'A subject is compared attribute by attribute, in their order, as values and never as text; an address by its octets.',
      `${subject}: RFC 8705 §2.1.2: the subject DN › matches: %s`,
      `${subject}: RFC 8705 §2.1.2: the subject DN › does not match: %s`,
      `${subject}: RFC 8705 §2.1.2: a subject alternative name › %j matches`,
      `${subject}: RFC 8705 §2.1.2: a subject alternative name › %j does not match`,
    ),
    yes(
      '§2.2',
      '`self_signed_tls_client_auth`: the certificate is over a key of `jwks` or `jwks_uri`, and in time; with `x5c` it is that very certificate.',
      `${authentication} › a new certificate over the same key counts for a bare key, and not where one is pinned`,
    ),
    when(
      '§3, §3.1',
      'the Client says `senderConstraint: MTLS`',
      'Access tokens, JWT and opaque, are bound to the certificate of the request in every grant of the token endpoint; `cnf` holds `x5t#S256`.',
      `${bound} › %s: client_credentials`,
      `${bound} › %s: authorization_code, then refresh_token`,
      `${bound} › %s: device_code`,
      `${bound} › a client with a secret may have its tokens bound, and gets none without a certificate`,
    ),
    yes(
      '§3',
      'Userinfo takes a bound token with its certificate alone: 401 `invalid_token` with another, and without.',
      `${bound} › %s: authorization_code, then refresh_token`,
    ),
    yes('§3.2', 'Introspection shows `cnf`.', `${bound} › %s: client_credentials`),
    yes(
      '§3.3, §5',
      'Metadata: `tls_client_certificate_bound_access_tokens`, and `mtls_endpoint_aliases` of token, userinfo, introspection, revocation and device authorization endpoint.',
      `${flow}: the listener › RFC 8705 §5: both documents name it, with what it is for`,
      `${flow}: with a library of somebody else (openid-client) › %s by the aliases: code, refresh, userinfo, introspection, revocation`,
    ),
    yes(
      '§4',
      'Refresh tokens of public clients are bound to the certificate of the installation; of confidential ones to what they authenticate with (§7.1).',
      `${flow}: public clients (RFC 8705 §4) › access and refresh tokens are bound to the certificate of the installation`,
      `${flow}: public clients (RFC 8705 §4) › a device, too`,
      `${bound} › §6.3: a confidential client renews its certificate, and its refresh token goes on`,
    ),
    no(
      '§7.4',
      'the registration is refused',
      'Bound tokens of the authorization endpoint (implicit, hybrid).',
      row(metadata, 'RFC 8705 §7.4: bound tokens do not come through the browser'),
    ),
  ],
};

export const rfc9440: Specification = {
  name: 'RFC 9440',
  title: 'Client-Cert HTTP Header Field',
  url: 'https://www.rfc-editor.org/rfc/rfc9440',
  lines: [
    when(
      '§2.2, §2.3',
      '`trustedProxies.certificateHeader` says so',
      'At the listener for mutual TLS `Client-Cert` and `Client-Cert-Chain` of a trusted proxy are the certificate of the request, and the connection’s is not.',
      `${flow}: A61: the certificate in a header (RFC 9440) › counts from a proxy that is trusted with it`,
      `${flow}: A61: the certificate in a header (RFC 9440) › with what leads to the authority in another header`,
    ),
    yes(
      '§4',
      'From anybody else, at the listener for everybody, twice, or not as the specification writes it, it is none.',
      `${flow}: A61: the certificate in a header (RFC 9440) › does not count: %s`,
      `${flow}: A61: the certificate in a header (RFC 9440) › does not count at the listener for everybody, which a stranger reaches through the same proxy`,
      `${flow}: A61: the certificate in a header (RFC 9440) › the certificate of the connection counts beside a forged header`,
    ),
  ],
};
