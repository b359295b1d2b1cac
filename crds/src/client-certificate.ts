/** PURE. Certificates of an application (RFC 8705): the name that proves who it is, and tokens that are bound to one. */
import { Type } from 'typebox';
import { choice, group, type Rule, text } from './field.ts';

const name = (what: string, max: number, rule: Rule, example: string) =>
  Type.Optional(text({ what, max, rules: [rule], example, leftOut: 'another name counts' }));

export const tls = Type.Optional(
  group(
    {
      subjectDn: name(
        'The whole subject of the certificate, the most specific part first (RFC 4514). Attributes and values are compared one by one, as they are.',
        1024,
        {
          rule: `self.matches('^ *([A-Za-z]+|[0-9]+([.][0-9]+)+) *=.+$')`,
          message: 'must be a distinguished name with the most specific part first, such as CN=shop,O=Example,C=GB',
        },
        'CN=shop,O=Example,C=GB',
      ),
      sanDns: name(
        'A DNS name among its subject alternative names. A wildcard in a certificate stands for nothing.',
        253,
        {
          rule: `self.matches('^[A-Za-z0-9_-]+([.][A-Za-z0-9_-]+)*$')`,
          message: 'must be one host name without wildcard, such as shop.example.com',
        },
        'shop.example.com',
      ),
      sanUri: name(
        'A URI among its subject alternative names, compared letter by letter.',
        2048,
        {
          rule: `self.matches('^[A-Za-z][A-Za-z0-9+.-]*:[!-~]+$')`,
          message: 'must be an absolute URI, such as spiffe://example.com/shop',
        },
        'spiffe://example.com/ns/shop/sa/web',
      ),
      sanIp: name(
        'An address of IPv4 or IPv6 among its subject alternative names.',
        45,
        {
          rule: `self.matches('^[0-9]{1,3}([.][0-9]{1,3}){3}$') || self.matches('^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*$')`,
          message: 'must be one address, such as 192.0.2.7 or 2001:db8::7',
        },
        '192.0.2.7',
      ),
      sanEmail: name(
        'An e-mail address among its subject alternative names.',
        320,
        {
          rule: `self.matches('^[!-?A-~]+@[A-Za-z0-9.-]+$')`,
          message: 'must be one e-mail address, such as shop@example.com',
        },
        'shop@example.com',
      ),
    },
    {
      what: 'The name that the certificate of the application carries. It must also lead to an authority of mutualTls.caBundleRef of the server.',
      allowed: 'exactly one of its fields; with method tls_client_auth, and only then',
      example: { sanDns: 'shop.example.com' },
      leftOut: 'no certificate speaks for the application by its name',
      rules: [
        {
          rule: '[has(self.subjectDn), has(self.sanDns), has(self.sanUri), has(self.sanIp), has(self.sanEmail)].filter(one, one).size() == 1',
          message: 'one name counts: set exactly one of subjectDn, sanDns, sanUri, sanIp and sanEmail',
        },
      ],
    },
  ),
);

/** Between the method and what it needs. */
export const certificateRules: readonly Rule[] = [
  {
    rule: `self.method != 'tls_client_auth' || has(self.tls)`,
    message: 'tls_client_auth needs the name that the certificate carries: set one of the fields of tls',
    fieldPath: '.tls',
  },
  {
    rule: `self.method == 'tls_client_auth' || !has(self.tls)`,
    message: 'only tls_client_auth goes by the name of a certificate: set that method, or leave tls out',
    fieldPath: '.tls',
  },
  {
    rule: `self.method != 'self_signed_tls_client_auth' || has(self.jwks) || has(self.jwksUri)`,
    message:
      'self_signed_tls_client_auth needs the public keys of the certificates: list them in jwks.keys, or name the URL that publishes them in jwksUri',
    fieldPath: '.jwks',
  },
  {
    rule: `self.method == 'self_signed_tls_client_auth' || !has(self.jwks) || !self.jwks.keys.exists(one, has(one.x5c))`,
    message: 'only self_signed_tls_client_auth compares certificates: set that method, or leave x5c out',
    fieldPath: '.jwks',
  },
];

export const senderConstraints = ['None', 'MTLS'] as const;

export const senderConstraint = Type.Optional(
  choice(senderConstraints, {
    what: 'What access tokens of this application are bound to, so that whoever steals one cannot use it. A public client gets refresh tokens that are bound likewise.',
    allowed:
      'None (to nothing), MTLS (to the certificate with which they were asked for, RFC 8705 section 3; resource servers compare it with the cnf claim)',
    example: 'MTLS',
    leftOut: 'None',
  }),
);

export const senderConstraintRules: readonly Rule[] = [
  {
    rule: `!has(self.senderConstraint) || self.senderConstraint != 'MTLS' || !has(self.responseTypes) || !self.responseTypes.exists(t, t in ['token', 'id_token token', 'code token', 'code id_token token'])`,
    message:
      'a token that comes through the browser can be bound to nothing: leave response types with token out, or set None',
    fieldPath: '.senderConstraint',
  },
];
