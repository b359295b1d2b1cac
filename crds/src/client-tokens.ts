/** PURE. The tokens of a Client, as far as it may have its own way. */
import { Type } from 'typebox';
import { notLongerThan } from './duration.ts';
import { choice, duration, group, item, set } from './field.ts';
import { signingAlgorithms } from './terms.ts';
import { claimName, claimNotReserved, printable } from './text-rules.ts';

export const accessToken = Type.Optional(
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
);

export const idToken = group(
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
);

export const refreshToken = Type.Optional(
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
          rule: `!has(self.idle) || !has(self.absolute) || ${notLongerThan('self.idle', 'self.absolute')}`,
          message: 'must not be longer than absolute',
          fieldPath: '.idle',
        },
      ],
    },
  ),
);
