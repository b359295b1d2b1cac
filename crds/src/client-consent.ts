/** PURE. How the users of a Client agree, and which of them may use it. */
import { Type } from 'typebox';
import { choice, duration, group, item, set } from './field.ts';
import { consentModes } from './terms.ts';
import { plainText } from './text-rules.ts';

export const consent = group(
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

export const access = Type.Optional(
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
);
