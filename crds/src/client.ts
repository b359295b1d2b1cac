/** PURE. Client: an application that asks for tokens (RFC 6749 §2; metadata as in RFC 7591 §2). */
import { type Static, Type } from 'typebox';
import { authentication } from './client-authentication.ts';
import { senderConstraint } from './client-certificate.ts';
import { access, consent } from './client-consent.ts';
import { allowedOrigins, logout, postLogoutRedirectUris, redirectUris } from './client-places.ts';
import { clientRules } from './client-rules.ts';
import { secret } from './client-secret.ts';
import { sectorIdentifier, subjectType } from './client-subject.ts';
import { accessToken, idToken, introspection, refreshToken, userinfo } from './client-tokens.ts';
import { choice, choiceItem, entry, flag, group, item, keyed, set, text } from './field.ts';
import { logo } from './logo.ts';
import { authorizationServerRef } from './references.ts';
import { computed, status } from './status.ts';
import { grantTypes, responseTypes } from './terms.ts';
import { noSubject, plainText, printable, scopeToken } from './text-rules.ts';
import { webPage } from './uri-rules.ts';

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
    logo: logo('Logo of the application, shown on the pages that ask users about it.'),
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
      what: 'How the application gets tokens. implicit is for response types with token or id_token, alone or beside a code; implicit and urn:ietf:params:oauth:grant-type:device_code need a client policy that allows them.',
      min: 1,
      max: grantTypes.length,
      allowed: `any of ${grantTypes.join(', ')}`,
      default: ['authorization_code'],
      example: ['authorization_code', 'refresh_token'],
    }),
    responseTypes: Type.Optional(
      set(choiceItem(responseTypes), {
        what: 'What the application may ask of the authorization endpoint. All but code need a client policy that allows them.',
        max: responseTypes.length,
        allowed: `any of ${responseTypes.join('; ')}; those with code go with authorization_code in grantTypes, those with token or id_token with implicit, those with both need both`,
        example: ['code', 'code id_token'],
        leftOut: 'code with authorization_code, else none; implicit needs them listed; status.responseTypes shows it',
      }),
    ),
    redirectUris,
    postLogoutRedirectUris,
    allowedOrigins,
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
        leftOut:
          'none: such a request of the application itself gets a token without scopes, and one for a user is refused (invalid_scope)',
      }),
    ),
    access,
    authentication,
    secret,
    pkce: choice(['Required', 'Optional'], {
      what: 'Whether authorization requests must use PKCE with S256 (RFC 7636).',
      allowed: 'Required; Optional only for applications that authenticate and cannot do PKCE',
      default: 'Required',
      example: 'Optional',
    }),
    consent,
    accessToken,
    idToken,
    refreshToken,
    senderConstraint,
    userinfo,
    introspection,
    subjectType,
    sectorIdentifier,
    logout,
    deletionPolicy: choice(['Delete', 'Retain'], {
      what: 'What becomes of the generated Secret when this Client is deleted, in whichever way. The registration always goes.',
      allowed:
        'Delete; Retain keeps the Secret, which has no owner reference from the moment that status.retained names it, and is of no Client in the end',
      default: 'Delete',
      example: 'Retain',
    }),
    suspend: flag({
      what: 'Stops the application: within 10 s nothing is issued to it and its tokens are refused. Nothing is forgotten.',
      default: false,
      example: true,
    }),
  },
  {
    what: 'What the application is and what it may do.',
    example: { redirectUris: ['https://shop.example.com/callback'] },
    rules: clientRules,
  },
);
export type ClientSpec = Static<typeof clientSpec>;

const acceptedSecret = entry({
  id: text({ what: 'Id of the secret; says nothing about its value.', max: 64, example: '1' }),
  createdAt: Type.String({
    format: 'date-time',
    doc: { what: 'When it was generated, or first seen in an adopted Secret.', example: '2030-01-31T12:00:00Z' },
  }),
  state: choice(['Current', 'Retiring'], {
    what: 'Whether it is the one in the Secret, or an older one that is still accepted.',
    example: 'Current',
  }),
});

const setting = entry({
  name: choice(['profile', 'accessToken.lifetime', 'refreshToken.idle', 'refreshToken.absolute'], {
    what: 'The setting, as the field of a Client or of a client policy is called.',
    example: 'accessToken.lifetime',
  }),
  value: text({ what: 'What is in force.', max: 32, example: '5m' }),
  setBy: text({
    what: 'Whose word it is: Client, AuthorizationServer, or policy and its name.',
    max: 80,
    example: 'policy shop-team',
  }),
});

const effective = Type.Optional(
  group(
    {
      policy: text({
        what: 'The client policy that accepts this Client, the first that does; built-in where none matches its namespace.',
        max: 63,
        example: 'shop-team',
      }),
      settings: keyed('name', setting, {
        what: 'Settings that the spec of this Client does not show alone.',
        max: 8,
        example: [{ name: 'accessToken.lifetime', value: '5m', setBy: 'AuthorizationServer' }],
      }),
    },
    {
      what: 'The settings in force, and who set each.',
      example: { policy: 'shop-team' },
      leftOut: 'not accepted',
    },
  ),
);

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
      max: responseTypes.length,
      example: ['code'],
      leftOut: 'not known yet',
    }),
  ),
  effective,
  sectorIdentifier: computed('The host that its pairwise subjects belong to.', 253, 'shop.example.com'),
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
  retained: Type.Optional(
    group(
      {
        name: text({ what: 'Name of the Secret.', max: 253, example: 'web-oauth2' }),
        uid: text({
          what: 'Its uid: one that is made anew under the name is another Secret.',
          max: 64,
          example: '6b8f0a52-6f9b-4c0e-9d1f-2f4a6f3f0a11',
        }),
      },
      {
        what: 'The generated Secret that stays when this Client goes, with deletionPolicy Retain. It has no owner reference, so nothing collects it.',
        example: { name: 'web-oauth2', uid: '6b8f0a52-6f9b-4c0e-9d1f-2f4a6f3f0a11' },
        leftOut: 'the Secret goes with this Client',
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
