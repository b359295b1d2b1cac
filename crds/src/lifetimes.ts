/** PURE. How long things are valid and keys sign: settings of an AuthorizationServer. */
import { notLongerThan } from './duration.ts';
import { choiceItem, duration, group, set } from './field.ts';
import { signingAlgorithms } from './terms.ts';

const notLonger = (one: string, other: string) => ({
  rule: notLongerThan(`self.${one}`, `self.${other}`),
  message: `must not be longer than ${other}`,
  fieldPath: `.${one}`,
});

export const lifetimes = group(
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
    deviceCode: duration({
      what: 'How long the code on a device can be entered (RFC 8628).',
      min: '1m',
      max: '10m',
      default: '10m',
      example: '5m',
    }),
    session: group(
      {
        idle: duration({
          what: 'A browser session without any request for this long ends; so do the refresh tokens that end with it (no offline_access), and their access tokens are not issued for longer than that.',
          min: '1m',
          max: '720h',
          default: '2h',
          example: '30m',
        }),
        absolute: duration({
          what: 'A browser session ends this long after the sign-in, with the tokens that end with it.',
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

export const signing = group(
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
