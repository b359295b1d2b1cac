/** PURE. Client: an application that asks for tokens (RFC 6749 §2; metadata as in RFC 7591 §2). */
import { type Static, Type } from 'typebox';
import {
  authenticationMethods,
  consentModes,
  grantTypes,
  responseTypes,
  signingAlgorithms,
} from './authorization-server.ts';
import { authorizationServerRef, computed, status } from './common.ts';
import { choice, choiceItem, duration, entry, flag, group, item, keyed, set, text, texts } from './field.ts';
import { claimName, claimNotReserved, noSubject, objectName, plainText, printable, scopeToken } from './text-rules.ts';
import { privateUseScheme, redirectUriRules, webPage } from './uri-rules.ts';

/** The keys of a Client's Secret, by the names that `secret.keys` can change. */
export const secretKeys = [
  'type',
  'provider',
  'client-id',
  'client-secret',
  'client-name',
  'client-authentication-method',
  'authorization-grant-type',
  'authorization-grant-types',
  'redirect-uri',
  'redirect-uris',
  'scope',
  'user-name-attribute',
  'issuer-uri',
  'authorization-uri',
  'token-uri',
  'user-info-uri',
  'jwk-set-uri',
  'ca.crt',
] as const;
export type SecretKey = (typeof secretKeys)[number];

const knownKeys = `[${secretKeys.map((key) => `'${key}'`).join(', ')}]`;

const link = (what: string, example: string, leftOut: string) =>
  Type.Optional(
    text({
      what,
      max: 2048,
      rules: [webPage],
      allowed: 'https; http only for 127.0.0.1, [::1] and localhost; never fetched by the server',
      example,
      leftOut,
    }),
  );

const secret = Type.Optional(
  group(
    {
      name: Type.Optional(
        text({
          what: 'Name of the Secret that the operator writes.',
          max: 253,
          rules: [objectName],
          example: 'web-oauth2',
          leftOut: '<name of the Client>-oauth2; status.binding.name shows it',
        }),
      ),
      keys: Type.Optional(
        texts({
          what: 'Other names for keys of the Secret, from the usual name to the wanted one; needed for envFrom, as shells cannot read hyphens.',
          allowed: `usual names are ${secretKeys.join(', ')}`,
          max: secretKeys.length,
          maxLength: 253,
          example: { 'client-id': 'CLIENT_ID', 'client-secret': 'CLIENT_SECRET' },
          leftOut: 'the usual names, as Service Binding and Spring read them',
          rules: [
            {
              rule: `self.all(k, k in ${knownKeys})`,
              message: `only these keys can be renamed: ${secretKeys.join(', ')}`,
            },
            {
              rule: `self.all(k, self[k].matches('^[-._a-zA-Z0-9]+$') && self[k] != '.' && !self[k].startsWith('..'))`,
              message: "a key of a Secret holds letters, digits, '-', '_' and '.' only, and does not begin with '..'",
            },
            {
              rule: `self.all(k, !self.exists(other, other != k && self[other] == self[k]) && (self[k] == k || !(self[k] in ${knownKeys}) || self[k] in self))`,
              message: 'two keys would get the same name: choose another name for one of them',
            },
          ],
        }),
      ),
    },
    {
      what: 'The Secret with the credentials, issuer and endpoints for the application.',
      example: { name: 'web-oauth2' },
      leftOut: 'a Secret <name of the Client>-oauth2 with the usual keys',
    },
  ),
);

const consent = group(
  {
    mode: choice(consentModes, {
      what: 'When users are asked whether this application may have what it asks for. Whatever the mode, the directory is asked before anything is issued.',
      allowed:
        'Always (each time), Remember (once, then for rememberFor; never remembered for redirect URIs with a private scheme), Implicit (never; a client policy must allow it)',
      default: 'Remember',
      example: 'Always',
    }),
    rememberFor: duration({
      what: 'How long a yes is remembered with mode Remember.',
      min: '1m',
      max: '8760h',
      default: '2160h',
      allowed: '1m to 8760h (365 days), written with h, m, s or ms; the default is 90 days',
      example: '720h',
    }),
    onRefusedScope: choice(['Drop', 'Deny'], {
      what: 'What happens when the directory does not allow one of the scopes for this user.',
      allowed: 'Drop (the rest is granted, the user is told), Deny (nothing is granted)',
      default: 'Drop',
      example: 'Deny',
    }),
  },
  { what: 'How users agree.', default: {}, example: { mode: 'Always' } },
);

export const clientSpec = group(
  {
    authorizationServerRef,
    clientId: Type.Optional(
      text({
        what: 'The client id that the application sends. It cannot be changed.',
        max: 256,
        rules: [printable, noSubject],
        allowed:
          'printable ASCII without spaces, not beginning with u_; ids beginning with another namespace and a dot belong to that namespace',
        example: 'shop.web',
        leftOut: '<namespace>.<name>; status.clientId shows it',
      }),
    ),
    displayName: Type.Optional(
      text({
        what: 'Name of the application as users see it.',
        max: 128,
        rules: [plainText],
        example: 'Web Shop',
        leftOut: 'the name of the Client',
      }),
    ),
    uri: link('Home page of the application.', 'https://shop.example.com', 'no link is shown'),
    policyUri: link(
      'Privacy policy, linked from the consent page.',
      'https://shop.example.com/privacy',
      'no link is shown',
    ),
    tosUri: link('Terms of use, linked from the consent page.', 'https://shop.example.com/terms', 'no link is shown'),
    contacts: Type.Optional(
      set(item({ max: 256, rules: [plainText] }), {
        what: 'How to reach the people who run the application, e.g. e-mail addresses.',
        max: 10,
        example: ['shop-team@example.com'],
        leftOut: 'nobody is named',
      }),
    ),
    grantTypes: set(choiceItem(grantTypes), {
      what: 'What the application may do at the token endpoint.',
      min: 1,
      max: 3,
      allowed: 'authorization_code, refresh_token, client_credentials',
      default: ['authorization_code'],
      example: ['authorization_code', 'refresh_token'],
    }),
    responseTypes: Type.Optional(
      set(choiceItem(responseTypes), {
        what: 'What the application may ask of the authorization endpoint.',
        max: 1,
        allowed: 'code, exactly when grantTypes holds authorization_code',
        example: ['code'],
        leftOut: 'code with authorization_code, else none; status.responseTypes shows it',
      }),
    ),
    redirectUris: Type.Optional(
      set(item({ max: 2048, rules: redirectUriRules }), {
        what: 'Where users may be sent back to. A request must name one of them exactly; only the port of http://127.0.0.1 and http://[::1] may differ.',
        max: 32,
        allowed:
          'https; http only for 127.0.0.1, [::1] and localhost; private schemes with a dot for public clients only; no wildcard, fragment, user info, dot segments or spaces',
        example: ['https://shop.example.com/callback'],
        leftOut: 'none; authorization_code needs at least one',
      }),
    ),
    scopes: set(item({ max: 128, rules: [scopeToken] }), {
      what: 'Scopes that the application may ask for: built-in ones (openid, profile, email, phone, address, offline_access, groups) and names of Scopes that are open to this namespace.',
      max: 50,
      default: ['openid', 'profile', 'email'],
      example: ['openid', 'offline_access', 'orders:read'],
    }),
    defaultScopes: Type.Optional(
      set(item({ max: 128, rules: [scopeToken] }), {
        what: 'Scopes that a request without the parameter scope asks for.',
        max: 50,
        allowed: 'each must be among scopes',
        example: ['orders:read'],
        leftOut: 'none: such a request gets a token without scopes',
      }),
    ),
    access: Type.Optional(
      group(
        {
          groups: Type.Optional(
            set(item({ max: 1024, rules: [plainText] }), {
              what: 'Directory groups, by name or DN, compared without regard to case. Only members of at least one of them may use the application.',
              min: 1,
              max: 50,
              example: ['shop-staff'],
              leftOut: 'every user may use it',
            }),
          ),
        },
        { what: 'Who may use the application.', example: { groups: ['shop-staff'] }, leftOut: 'every user may use it' },
      ),
    ),
    authentication: group(
      {
        method: choice(authenticationMethods, {
          what: 'How the application proves who it is at the token endpoint.',
          allowed:
            'client_secret_basic (secret in the Authorization header), client_secret_post (secret in the form), none (a public client: an app in a browser or on a device, which can keep no secret)',
          default: 'client_secret_basic',
          example: 'none',
        }),
      },
      { what: 'Authentication of the application.', default: {}, example: { method: 'client_secret_basic' } },
    ),
    secret,
    pkce: choice(['Required', 'Optional'], {
      what: 'Whether authorization requests must use PKCE with S256 (RFC 7636).',
      allowed: 'Required; Optional only for applications that authenticate and cannot do PKCE',
      default: 'Required',
      example: 'Optional',
    }),
    consent,
    accessToken: Type.Optional(
      group(
        {
          lifetime: Type.Optional(
            duration({
              what: 'How long access tokens of this application are valid.',
              min: '1m',
              max: '1h',
              example: '10m',
              leftOut: "the server's lifetimes.accessToken",
            }),
          ),
          audiences: Type.Optional(
            set(item({ max: 512, rules: [printable] }), {
              what: 'Audiences (aud) of its access tokens beside those of the granted Scopes.',
              max: 16,
              allowed: 'client ids of the own namespace, and what a client policy grants',
              example: ['shop.api'],
              leftOut: 'those of the granted Scopes; without any, the client id',
            }),
          ),
        },
        {
          what: 'Access tokens of this application.',
          example: { lifetime: '10m' },
          leftOut: "the server's settings",
        },
      ),
    ),
    idToken: group(
      {
        signingAlgorithm: choice(signingAlgorithms, {
          what: 'Algorithm that signs its ID tokens (JWS name). The server must list it in signing.algorithms.',
          default: 'RS256',
          example: 'ES256',
        }),
        claims: Type.Optional(
          set(item({ max: 128, rules: [claimName, claimNotReserved] }), {
            what: 'Claims that stand in the ID token although no request asks for them, if the granted scopes release them.',
            max: 50,
            allowed: 'claim names; those that the protocol sets (iss, sub, aud, …) are refused',
            example: ['email', 'groups'],
            leftOut: 'scope claims are at the userinfo endpoint only',
          }),
        ),
      },
      { what: 'ID tokens of this application.', default: {}, example: { claims: ['groups'] } },
    ),
    refreshToken: Type.Optional(
      group(
        {
          idle: Type.Optional(
            duration({
              what: 'A refresh token that is not used for this long ends.',
              min: '5m',
              max: '8760h',
              example: '168h',
              leftOut: "the server's lifetimes.refreshToken.idle",
            }),
          ),
          absolute: Type.Optional(
            duration({
              what: 'A grant ends this long after consent, however often it was refreshed.',
              min: '5m',
              max: '8760h',
              example: '720h',
              leftOut: "the server's lifetimes.refreshToken.absolute",
            }),
          ),
        },
        {
          what: 'Limits of refresh tokens of this application.',
          example: { idle: '168h', absolute: '720h' },
          leftOut: "the server's settings",
          rules: [
            {
              rule: '!has(self.idle) || !has(self.absolute) || duration(self.idle) <= duration(self.absolute)',
              message: 'must not be longer than absolute',
              fieldPath: '.idle',
            },
          ],
        },
      ),
    ),
    suspend: flag({
      what: 'Stops the application: within 10 s nothing is issued to it and its tokens are refused. Nothing is forgotten.',
      default: false,
      example: true,
    }),
  },
  {
    what: 'What the application is and what it may do.',
    example: { redirectUris: ['https://shop.example.com/callback'] },
    rules: [
      {
        rule: `!('authorization_code' in self.grantTypes) || (has(self.redirectUris) && self.redirectUris.size() > 0)`,
        message: 'authorization_code, implicit and hybrid send the user back to the app: add at least one redirect URI',
        fieldPath: '.redirectUris',
      },
      {
        rule: `self.authentication.method != 'none' || !('client_credentials' in self.grantTypes)`,
        message:
          'a public client cannot prove who it is: for client_credentials use client_secret_basic, private_key_jwt or kubernetes_service_account',
        fieldPath: '.grantTypes',
      },
      {
        rule: `self.authentication.method != 'none' || self.pkce == 'Required'`,
        message: 'public clients must use PKCE: leave pkce out or set Required',
        fieldPath: '.pkce',
      },
      {
        rule: `!('refresh_token' in self.grantTypes) || 'authorization_code' in self.grantTypes`,
        message:
          'refresh_token needs authorization_code or urn:ietf:params:oauth:grant-type:device_code beside it: no other grant yields a refresh token',
        fieldPath: '.grantTypes',
      },
      {
        rule: `has(self.clientId) == has(oldSelf.clientId) && (!has(self.clientId) || self.clientId == oldSelf.clientId)`,
        message:
          'clientId cannot change, tokens and consents hang on it: create a second Client with the new id, move the app, then delete this one',
        fieldPath: '.clientId',
      },
      {
        rule: `!has(self.responseTypes) || ('code' in self.responseTypes) == ('authorization_code' in self.grantTypes)`,
        message: 'code goes with the grant type authorization_code: list both or neither, or leave responseTypes out',
        fieldPath: '.responseTypes',
      },
      {
        rule: `self.authentication.method == 'none' || !has(self.redirectUris) || !self.redirectUris.exists(u, u.matches('${privateUseScheme}'))`,
        message:
          'only a public client may use a private scheme: use https, or set authentication.method to none if the app runs on a device',
        fieldPath: '.redirectUris',
      },
      {
        rule: `self.consent.mode != 'Implicit' || !has(self.redirectUris) || !self.redirectUris.exists(u, u.matches('${privateUseScheme}'))`,
        message:
          'any app on a device can claim a private scheme, so its users must be asked: use Always, or https redirect URIs',
        fieldPath: '.consent.mode',
      },
      {
        rule: '!has(self.defaultScopes) || self.defaultScopes.all(s, s in self.scopes)',
        message: 'each default scope must be among scopes: add it there or take it out here',
        fieldPath: '.defaultScopes',
      },
    ],
  },
);
export type ClientSpec = Static<typeof clientSpec>;

const acceptedSecret = entry({
  id: text({ what: 'Id of the secret; says nothing about its value.', max: 64, example: '1' }),
  createdAt: Type.String({
    format: 'date-time',
    doc: { what: 'When it was generated.', example: '2030-01-31T12:00:00Z' },
  }),
  state: choice(['Current', 'Retiring'], {
    what: 'Whether it is the one in the Secret, or an older one that is still accepted.',
    example: 'Current',
  }),
});

export const clientStatus = status({
  clientId: computed('The client id in force.', 256, 'shop.web'),
  authorizationServer: computed(
    'The AuthorizationServer that serves this Client, <namespace>/<name>.',
    128,
    'identity/default',
  ),
  issuer: computed('The issuer of its tokens.', 512, 'https://id.example.com'),
  responseTypes: Type.Optional(
    set(choiceItem(responseTypes), {
      what: 'The response types in force.',
      max: 1,
      example: ['code'],
      leftOut: 'not known yet',
    }),
  ),
  binding: Type.Optional(
    group(
      { name: text({ what: 'Name of the Secret.', max: 253, example: 'web-oauth2' }) },
      {
        what: 'The Secret for the application, as Service Binding finds it.',
        example: { name: 'web-oauth2' },
        leftOut: 'not written yet',
      },
    ),
  ),
  secrets: Type.Optional(
    keyed('id', acceptedSecret, {
      what: 'The secrets that are accepted now.',
      max: 2,
      example: [{ id: '1', createdAt: '2030-01-31T12:00:00Z', state: 'Current' }],
      leftOut: 'none',
    }),
  ),
});
export type ClientStatus = Static<typeof clientStatus>;
