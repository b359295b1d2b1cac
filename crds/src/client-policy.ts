/** PURE. What an AuthorizationServer grants to the namespaces that attach resources to it. */
import { type Static, Type } from 'typebox';
import { choice, choiceItem, duration, entry, group, item, set, text } from './field.ts';
import { namespaceSelection } from './namespace-selection.ts';
import {
  authenticationMethods,
  consentModes,
  deviceCodeGrant,
  freeGrantTypes,
  freeResponseTypes,
  grantTypes,
  policyProfiles,
  responseTypes,
} from './terms.ts';
import { namePattern, plainText } from './text-rules.ts';

const patterns = (what: string, max: number, example: readonly string[]) =>
  Type.Optional(
    set(item({ max, rules: [namePattern] }), {
      what,
      max: 64,
      allowed:
        'exact values, or prefixes that end with *; what belongs to another namespace needs a pattern that spells that namespace out',
      example,
      leftOut: 'what holds where no policy matches; see clientPolicies',
    }),
  );

export const clientPolicy = entry({
  name: text({
    what: 'Name of the policy, as refusals quote it.',
    max: 63,
    rules: [plainText],
    example: 'shop-team',
  }),
  namespaces: namespaceSelection('The namespaces that the policy speaks about.'),
  grantTypes: Type.Optional(
    set(choiceItem(grantTypes), {
      what: 'Grant types that Clients may list. Those that policies allow stand in the metadata of the server.',
      max: grantTypes.length,
      example: ['authorization_code', 'refresh_token', deviceCodeGrant],
      leftOut: freeGrantTypes.join(', '),
    }),
  ),
  responseTypes: Type.Optional(
    set(choiceItem(responseTypes), {
      what: 'Response types that Clients may list. For those with token or id_token the policy must also list the grant type implicit.',
      max: responseTypes.length,
      allowed: `any of ${responseTypes.join('; ')}`,
      example: ['code', 'code id_token'],
      leftOut: freeResponseTypes.join(', '),
    }),
  ),
  clientIds: patterns(
    'Client ids that Clients may take, beside those that begin with their own namespace and a dot.',
    256,
    ['shop-*'],
  ),
  scopes: patterns('Scopes that Clients may list. Each Scope must also be open to the namespace.', 128, ['orders:*']),
  scopeNames: patterns(
    'Names that Scopes may take, beside those that begin with their own namespace and a colon.',
    128,
    ['orders:*'],
  ),
  audiences: patterns(
    'Audiences that Clients and Scopes may name, and that Clients may introspect, beside client ids of their own namespace.',
    512,
    ['https://api.example.com'],
  ),
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
        what: 'Hosts that redirectUris, postLogoutRedirectUris and logout.frontchannelUri of Clients may name, ports left aside.',
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
      max: authenticationMethods.length,
      example: ['private_key_jwt', 'kubernetes_service_account'],
      leftOut: 'any of them',
    }),
  ),
  consentModes: Type.Optional(
    set(choiceItem(consentModes), {
      what: 'Consent modes that Clients may choose; Implicit is open to Scopes too.',
      max: 3,
      example: ['Always', 'Remember', 'Implicit'],
      leftOut: 'Always and Remember',
    }),
  ),
  profile: Type.Optional(
    choice(policyProfiles, {
      what: 'What Clients must keep to at least.',
      allowed:
        'Baseline (nothing further), OAuth21 (as OAuth 2.1: PKCE always, no access tokens from the authorization endpoint)',
      example: 'OAuth21',
      leftOut: 'Baseline',
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
export type ClientPolicy = Static<typeof clientPolicy>;
