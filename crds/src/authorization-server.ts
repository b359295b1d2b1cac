/** PURE. AuthorizationServer: one authorization server, its database, keys, lifetimes, and who may attach to it. */
import { type Static, Type } from 'typebox';
import { admission, computed, namespaceSelection, secretRef, status } from './common.ts';
import { choiceItem, duration, entry, group, item, keyed, set, text, whole } from './field.ts';
import { namePattern, plainText } from './text-rules.ts';
import { issuerRule } from './uri-rules.ts';

export const grantTypes = ['authorization_code', 'refresh_token', 'client_credentials'] as const;
export const responseTypes = ['code'] as const;
export const authenticationMethods = ['client_secret_basic', 'client_secret_post', 'none'] as const;
export const consentModes = ['Always', 'Remember', 'Implicit'] as const;
export const signingAlgorithms = ['ES256', 'RS256'] as const;

const notLonger = (one: string, other: string) => ({
  rule: `duration(self.${one}) <= duration(self.${other})`,
  message: `must not be longer than ${other}`,
  fieldPath: `.${one}`,
});

const lifetimes = group(
  {
    authorizationCode: duration({
      what: 'How long an authorization code can be redeemed.',
      min: '10s',
      max: '60s',
      default: '60s',
      example: '30s',
    }),
    accessToken: duration({
      what: 'How long an access token is valid. Resource servers that check tokens alone accept one until then.',
      min: '1m',
      max: '1h',
      default: '5m',
      example: '10m',
    }),
    idToken: duration({
      what: 'How long an ID token is valid.',
      min: '1m',
      max: '24h',
      default: '5m',
      example: '1h',
    }),
    refreshToken: group(
      {
        idle: duration({
          what: 'A refresh token that is not used for this long ends.',
          min: '5m',
          max: '8760h',
          default: '336h',
          allowed: '5m to 8760h (365 days), written with h, m, s or ms; the default is 14 days',
          example: '168h',
        }),
        absolute: duration({
          what: 'A grant ends this long after consent, however often it was refreshed.',
          min: '5m',
          max: '8760h',
          default: '2160h',
          allowed: '5m to 8760h (365 days), written with h, m, s or ms; the default is 90 days',
          example: '720h',
        }),
      },
      {
        what: 'Limits of refresh tokens.',
        default: {},
        example: { idle: '168h', absolute: '720h' },
        rules: [notLonger('idle', 'absolute')],
      },
    ),
    session: group(
      {
        idle: duration({
          what: 'A browser session without any request for this long ends.',
          min: '1m',
          max: '720h',
          default: '2h',
          example: '30m',
        }),
        absolute: duration({
          what: 'A browser session ends this long after the sign-in.',
          min: '1m',
          max: '720h',
          default: '12h',
          example: '8h',
        }),
      },
      {
        what: 'Limits of browser sessions.',
        default: {},
        example: { idle: '30m', absolute: '8h' },
        rules: [notLonger('idle', 'absolute')],
      },
    ),
  },
  { what: 'How long things are valid. A Client may set its own.', default: {}, example: { accessToken: '10m' } },
);

const signing = group(
  {
    algorithms: set(choiceItem(signingAlgorithms), {
      what: 'Algorithms of which the server keeps a key, by their JWS names. The first one signs access tokens; a Client chooses the one of its ID tokens.',
      min: 1,
      max: 2,
      allowed: 'ES256 and RS256; RS256 must be among them',
      default: ['ES256', 'RS256'],
      example: ['RS256'],
      rules: [
        {
          rule: `'RS256' in self`,
          message: 'RS256 must be among them: it is what relying parties expect of an OpenID provider',
        },
      ],
    }),
    rotation: group(
      {
        every: duration({
          what: 'How long a key signs before the next one takes over.',
          min: '1h',
          max: '17520h',
          default: '2160h',
          allowed: '1h to 17520h (two years), written with h, m, s or ms; the default is 90 days',
          example: '720h',
        }),
        publishBefore: duration({
          what: 'How long a key is published before it signs, so that every relying party has it by then.',
          min: '10m',
          max: '720h',
          default: '24h',
          example: '48h',
        }),
        retireAfter: duration({
          what: 'How long a key stays published after its last signature.',
          min: '61m',
          max: '8760h',
          default: '24h',
          allowed: 'at least lifetimes.idToken and 60 s, 61m to 8760h',
          example: '48h',
        }),
      },
      {
        what: 'When signing keys change.',
        default: {},
        example: { every: '720h' },
        rules: [notLonger('publishBefore', 'every')],
      },
    ),
  },
  { what: 'Keys that sign tokens.', default: {}, example: { algorithms: ['ES256', 'RS256'] } },
);

const patterns = (what: string, max: number, example: readonly string[]) =>
  Type.Optional(
    set(item({ max, rules: [namePattern] }), {
      what,
      max: 64,
      allowed:
        'exact values, or prefixes that end with *; what belongs to another namespace needs a pattern that spells that namespace out',
      example,
      leftOut: 'as where no policy matches',
    }),
  );

const clientPolicy = entry({
  name: text({
    what: 'Name of the policy, as refusals quote it.',
    max: 63,
    rules: [plainText],
    example: 'shop-team',
  }),
  namespaces: namespaceSelection('The namespaces that the policy speaks about.'),
  grantTypes: Type.Optional(
    set(choiceItem(grantTypes), {
      what: 'Grant types that Clients may list.',
      max: 3,
      example: ['authorization_code', 'refresh_token'],
      leftOut: 'authorization_code, refresh_token and client_credentials',
    }),
  ),
  responseTypes: Type.Optional(
    set(choiceItem(responseTypes), {
      what: 'Response types that Clients may list.',
      max: 1,
      example: ['code'],
      leftOut: 'code',
    }),
  ),
  clientIds: patterns('Client ids that Clients may take, beside <namespace>.….', 256, ['shop-*']),
  scopes: patterns('Scopes that Clients may list. Each Scope must also be open to the namespace.', 128, ['orders:*']),
  scopeNames: patterns('Names that Scopes may take, beside <namespace>:….', 128, ['orders:*']),
  audiences: patterns('Audiences that Clients and Scopes may name, beside client ids of their own namespace.', 512, [
    'https://api.example.com',
  ]),
  redirectHosts: Type.Optional(
    set(
      item({
        max: 253,
        rules: [
          {
            rule: String.raw`self == '*' || self.matches(r'^([*][.])?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$') || self.matches(r'^\[[0-9a-f:.]+\]$') || self.matches('^[a-z][a-z0-9+-]*([.][a-z0-9+-]+)+:$')`,
            message:
              "must be a host in lower case, '*.' and a domain for every host below it, '*' for any, or a private scheme with its colon, such as com.example.app:",
          },
        ],
      }),
      {
        what: 'Hosts that redirect URIs of Clients may name, ports left aside.',
        max: 64,
        allowed: "a host, '*.' and a domain for every host below it, '*' for any, or a private scheme with its colon",
        example: ['shop.example.com', '*.shop.example.com'],
        leftOut: 'any host',
      },
    ),
  ),
  authenticationMethods: Type.Optional(
    set(choiceItem(authenticationMethods), {
      what: 'How Clients may authenticate.',
      max: 3,
      example: ['client_secret_basic'],
      leftOut: 'client_secret_basic, client_secret_post and none',
    }),
  ),
  consentModes: Type.Optional(
    set(choiceItem(consentModes), {
      what: 'Consent modes that Clients may choose.',
      max: 3,
      example: ['Always', 'Remember', 'Implicit'],
      leftOut: 'Always and Remember',
    }),
  ),
  maxLifetimes: Type.Optional(
    group(
      {
        accessToken: Type.Optional(
          duration({
            what: 'Longest accessToken.lifetime of a Client.',
            min: '1m',
            max: '1h',
            example: '10m',
            leftOut: '1h',
          }),
        ),
        refreshToken: Type.Optional(
          group(
            {
              idle: Type.Optional(
                duration({
                  what: 'Longest refreshToken.idle of a Client.',
                  min: '5m',
                  max: '8760h',
                  example: '336h',
                  leftOut: '8760h',
                }),
              ),
              absolute: Type.Optional(
                duration({
                  what: 'Longest refreshToken.absolute of a Client.',
                  min: '5m',
                  max: '8760h',
                  example: '2160h',
                  leftOut: '8760h',
                }),
              ),
            },
            { what: 'Longest limits of refresh tokens.', example: { absolute: '2160h' }, leftOut: 'no further limit' },
          ),
        ),
      },
      {
        what: 'Longest lifetimes that Clients may set. What a Client leaves out is not compared.',
        example: { accessToken: '10m' },
        leftOut: 'the bounds of the fields themselves',
      },
    ),
  ),
});

export const authorizationServerSpec = group(
  {
    issuer: Type.Optional(
      text({
        what: 'The URL that names this server in every token and document (RFC 8414). It cannot be changed.',
        max: 512,
        allowed: 'https, or http on 127.0.0.1, [::1] and localhost; no query, fragment or slash at the end',
        rules: [issuerRule],
        example: 'https://id.example.com',
        leftOut: 'https://<name>.<namespace>.svc in a cluster, the listening address without one; status shows it',
      }),
    ),
    database: Type.Optional(
      group(
        {
          secretRef: secretRef(
            'The Secret with the connection.',
            'Its key uri holds postgres://…; optional keys are direct-uri (migrations and notifications, beside a pooler) and ca.crt. What CloudNativePG writes fits as it is.',
            'pg-app',
            'without a cluster --database names the database; in a cluster the server waits for this reference',
          ),
        },
        {
          what: 'The Postgres database of this server. One database serves one AuthorizationServer.',
          example: { secretRef: { name: 'pg-app' } },
          leftOut: 'as database.secretRef left out',
        },
      ),
    ),
    keyEncryption: Type.Optional(
      group(
        {
          secretRef: secretRef(
            'The Secret with the key.',
            'Its key key holds 32 random bytes in base64; a second line is the older key.',
            'default-key-encryption-key',
            'generated once as <name>-key-encryption-key and never overwritten; without a cluster --key-file',
          ),
        },
        {
          what: 'The key that encrypts signing keys and bind passwords in the database.',
          example: { secretRef: { name: 'default-key-encryption-key' } },
          leftOut: 'as keyEncryption.secretRef left out',
        },
      ),
    ),
    lifetimes,
    signing,
    allowedClients: admission('Which namespaces may attach Clients.'),
    allowedScopes: admission('Which namespaces may attach Scopes.'),
    allowedLdapBindings: admission(
      'Which namespaces may attach LdapBindings. A binding from elsewhere is never asked about anyone.',
    ),
    clientPolicies: Type.Optional(
      keyed('name', clientPolicy, {
        what: 'What the selected namespaces are granted. A resource is accepted if any one policy that matches its namespace would accept it.',
        max: 32,
        example: [{ name: 'shop-team', namespaces: { from: 'All' }, clientIds: ['shop-*'] }],
        leftOut:
          'where no policy matches: authorization code, refresh and client credentials, names and audiences of the own namespace, any redirect host, no implicit consent',
      }),
    ),
    branding: Type.Optional(
      group(
        {
          displayName: Type.Optional(
            text({
              what: 'Name of the product or organisation on every page.',
              max: 64,
              rules: [plainText],
              example: 'Example Inc.',
              leftOut: 'Nauthera',
            }),
          ),
        },
        { what: 'How pages look.', example: { displayName: 'Example Inc.' }, leftOut: 'plain pages' },
      ),
    ),
  },
  {
    what: 'What the server is and whom it serves.',
    default: {},
    example: { issuer: 'https://id.example.com' },
    rules: [
      {
        rule: `has(self.issuer) == has(oldSelf.issuer) && (!has(self.issuer) || self.issuer == oldSelf.issuer)`,
        message:
          'issuer cannot change, every token and relying party names it: create a second AuthorizationServer with the new issuer, move the Clients, then delete this one',
        fieldPath: '.issuer',
      },
      {
        rule: `duration(self.signing.rotation.retireAfter) >= duration(self.lifetimes.idToken) + duration('60s')`,
        message: 'must be at least lifetimes.idToken and 60 s: a token must not outlive the key that verifies it',
        fieldPath: '.signing.rotation.retireAfter',
      },
    ],
  },
);
export type AuthorizationServerSpec = Static<typeof authorizationServerSpec>;
export type ClientPolicy = Static<typeof clientPolicy>;

export const authorizationServerStatus = status({
  issuer: computed('The issuer in force.', 512, 'https://id.example.com'),
  endpoints: Type.Optional(
    group(
      {
        discovery: computed(
          'OpenID Connect discovery document.',
          640,
          'https://id.example.com/.well-known/openid-configuration',
        ),
        authorization: computed('Authorization endpoint.', 640, 'https://id.example.com/authorize'),
        token: computed('Token endpoint.', 640, 'https://id.example.com/token'),
        userinfo: computed('Userinfo endpoint.', 640, 'https://id.example.com/userinfo'),
        jwks: computed('Public keys.', 640, 'https://id.example.com/jwks'),
      },
      {
        what: 'Where the server answers.',
        example: { token: 'https://id.example.com/token' },
        leftOut: 'not known yet',
      },
    ),
  ),
  version: computed('Version of the server that runs.', 64, '0.1.0'),
  replicas: Type.Optional(
    whole({ what: 'Server processes that run.', min: 0, max: 10_000, example: 3, leftOut: 'not known yet' }),
  ),
  readyReplicas: Type.Optional(
    whole({
      what: 'Server processes that serve the newest configuration.',
      min: 0,
      max: 10_000,
      example: 3,
      leftOut: 'not known yet',
    }),
  ),
});
export type AuthorizationServerStatus = Static<typeof authorizationServerStatus>;
