/** PURE. The tokens of a Client, as far as it may have its own way. */
import { Type } from 'typebox';
import { notLongerThan } from './duration.ts';
import { choice, duration, group, item, set } from './field.ts';
import { signingAlgorithms } from './terms.ts';
import { claimName, claimNotReserved, printable } from './text-rules.ts';

export const accessToken = Type.Optional(
  group(
    {
      format: choice(['jwt', 'opaque'], {
        what: 'What access tokens look like: signed JWTs, which resource servers check alone and which count until they expire (RFC 9068), or opaque texts, which they must ask about at the introspection endpoint and which end at once when revoked.',
        default: 'jwt',
        example: 'opaque',
      }),
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
      example: { format: 'opaque', lifetime: '10m' },
      leftOut: "JWTs, and the server's settings",
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

export const userinfo = Type.Optional(
  group(
    {
      signingAlgorithm: Type.Optional(
        choice(signingAlgorithms, {
          what: 'Algorithm that signs its answers of the userinfo endpoint, which are JWTs then. The server must list it in signing.algorithms.',
          example: 'RS256',
          leftOut: 'the answers are plain JSON',
        }),
      ),
    },
    {
      what: 'Answers of the userinfo endpoint for this application.',
      example: { signingAlgorithm: 'RS256' },
      leftOut: 'plain JSON',
    },
  ),
);

export const introspection = Type.Optional(
  group(
    {
      audiences: Type.Optional(
        set(item({ max: 512, rules: [printable] }), {
          what: 'Audiences (aud) whose access tokens this application may introspect, beside those that were issued to it or for its own client id.',
          max: 16,
          allowed: 'client ids of the own namespace, and what a client policy grants',
          example: ['https://api.example.com'],
          leftOut: 'none beside its own',
        }),
      ),
    },
    {
      what: 'What the application may ask the introspection endpoint about, as a resource server (RFC 7662).',
      example: { audiences: ['https://api.example.com'] },
      leftOut: 'tokens that were issued to it or for its own client id',
    },
  ),
);
