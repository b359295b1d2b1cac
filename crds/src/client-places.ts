/** PURE. Where browsers go to and come from on behalf of a Client: redirects, logout (OpenID Connect), CORS. */
import { Type } from 'typebox';
import { group, item, type Rule, set, text } from './field.ts';
import { browsedUri, calledUri, originRule, redirectUriRules } from './uri-rules.ts';

const allowedUris =
  'https; http only for 127.0.0.1, [::1] and localhost; private schemes with a dot for public clients only; no wildcard, fragment, user info, dot segments or spaces';

export const redirectUris = Type.Optional(
  set(item({ max: 2048, rules: redirectUriRules }), {
    what: 'Where users may be sent back to. A request must name one of them exactly; only the port of http://127.0.0.1 and http://[::1] may differ.',
    max: 32,
    allowed: allowedUris,
    example: ['https://shop.example.com/callback'],
    leftOut: 'none; authorization_code and implicit need at least one',
  }),
);

export const postLogoutRedirectUris = Type.Optional(
  set(item({ max: 2048, rules: redirectUriRules }), {
    what: 'Where users may be sent back to after they signed out. A request must name one of them exactly.',
    max: 32,
    allowed: allowedUris,
    example: ['https://shop.example.com/signed-out'],
    leftOut: 'none: users stay on the page that says that they are signed out',
  }),
);

export const allowedOrigins = Type.Optional(
  set(item({ max: 512, rules: [originRule] }), {
    what: 'Origins whose scripts may call the token, userinfo and revocation endpoints for this application (CORS). Only an application that runs in the browser needs one.',
    max: 32,
    allowed:
      'https://host or https://host:port; http only for 127.0.0.1, [::1] and localhost; no path, never null or *',
    example: ['https://shop.example.com'],
    leftOut: 'none: browsers keep scripts from reading the answers',
  }),
);

export const logout = Type.Optional(
  group(
    {
      backchannelUri: Type.Optional(
        text({
          what: 'Where the server posts a logout token when the session of a user ends (OpenID Connect Back-Channel Logout). It is tried again for hours.',
          max: 2048,
          rules: [calledUri],
          allowed:
            'https; the host must be reachable from the server: a public one, a service <name>.<namespace>.svc of the namespace of this Client, or one that outbound.allowed of the server names',
          example: 'https://shop.example.com/backchannel-logout',
          leftOut: 'nothing is posted',
        }),
      ),
      frontchannelUri: Type.Optional(
        text({
          what: 'What the page that signs a user out loads in a hidden frame (OpenID Connect Front-Channel Logout), with iss and sid. Browsers that block foreign cookies make it useless: prefer backchannelUri.',
          max: 2048,
          rules: [
            browsedUri,
            {
              rule: `!self.matches('[?](.*&)?(iss|sid)(=|&|$)')`,
              message: 'must not hold iss or sid in its query: they are added when it is loaded',
            },
          ],
          allowed: 'https; http only for 127.0.0.1, [::1] and localhost; scheme, host and port of one of redirectUris',
          example: 'https://shop.example.com/frontchannel-logout',
          leftOut: 'nothing is loaded',
        }),
      ),
    },
    {
      what: 'How the application hears that a user signed out.',
      example: { backchannelUri: 'https://shop.example.com/backchannel-logout' },
      leftOut: 'it does not',
    },
  ),
);

/** Scheme, host and port, in CEL; of a URI with fewer parts the rules of the field itself speak. */
const originOf = (uri: string) => `${uri}.split('/')[0] + '//' + ${uri}.split('/')[2].split('?')[0]`;
const web = (uri: string) => `${uri}.matches('^https?://')`;

export const logoutRules: readonly Rule[] = [
  {
    // OpenID Connect Front-Channel Logout §2
    rule: `!has(self.logout) || !has(self.logout.frontchannelUri) || !${web('self.logout.frontchannelUri')} || (has(self.redirectUris) && self.redirectUris.exists(u, ${web('u')} && ${originOf('u')} == ${originOf('self.logout.frontchannelUri')}))`,
    message:
      'must have the scheme, host and port of one of redirectUris: use another address, or add a redirect URI at this one',
    fieldPath: '.logout.frontchannelUri',
  },
];
