/** PURE. Sample users of a directory: whom status tells about, and what. Never the value of a claim. */
import { Type } from 'typebox';
import { choice, entry, flag, item, keyed, set, text, whole } from './field.ts';
import { plainText } from './text-rules.ts';

export const mostSampleUsers = 5;

export const sampleUsers = Type.Optional(
  set(item({ max: 256, rules: [plainText] }), {
    what: 'User names, as people type them, of whom status.sampleUsers tells what a sign-in would find: account, subject, groups, names of claims, and what each consent rule decides. Whoever may read this LdapBinding reads that; values of claims are never shown.',
    min: 1,
    max: mostSampleUsers,
    example: ['ada'],
    leftOut: 'status tells of nobody',
  }),
);

const why = (example: string) => text({ what: 'Why, as half a sentence.', max: 256, example });

const ruleState = entry({
  name: text({ what: 'Name of the rule, as in spec.consentRules.', max: 128, example: 'orders' }),
  holds: flag({ what: 'Whether all of its conditions hold for the user.', example: true }),
  why: why('is in none of its groups: shop-admins'),
});

const scopeState = entry({
  scope: text({ what: 'Name of the scope.', max: 128, example: 'orders:read' }),
  allowed: flag({ what: 'Whether the user may allow it to an application.', example: true }),
  rules: Type.Optional(
    set(item({ max: 128 }), {
      what: 'Allowed: the rules that held. Refused: those that name the scope.',
      max: 10,
      example: ['orders'],
      leftOut: 'no rule names it',
    }),
  ),
  why: why('by rule orders'),
});

export const sampleUserState = entry({
  username: text({ what: 'The name, as in spec.', max: 256, example: 'ada' }),
  outcome: choice(['Found', 'NotFound', 'Ambiguous', 'NotAsked', 'Unreadable'], {
    what: 'What the search for the name comes to. NotFound: nobody has it. Ambiguous: several entries have it, so nobody signs in with it. NotAsked: matches leaves it out. Unreadable: the entry lacks what userSearch.attributes names, or the service account may not read it.',
    example: 'Found',
  }),
  account: Type.Optional(
    choice(['Active', 'Locked', 'Disabled', 'Expired', 'MustChangePassword', 'PasswordExpired', 'OutsideHours'], {
      what: 'State of the account. Only with an active one can anybody sign in.',
      example: 'Active',
      leftOut: 'no single user was found',
    }),
  ),
  subject: Type.Optional(
    text({
      what: 'The subject (sub) that applications know the user by, unless theirs are pairwise.',
      max: 128,
      example: 'u_e0Z5dP4cFv7lF1n3bJ0pJc0bA7f3hYp2sGZr3m1qX9k',
      leftOut: 'no single user was found',
    }),
  ),
  groups: Type.Optional(
    set(item({ max: 256 }), {
      what: 'Names of the groups of the user, in alphabetical order, at most 20.',
      max: 20,
      example: ['shop-staff'],
      leftOut: 'the user is in none',
    }),
  ),
  groupCount: Type.Optional(
    whole({
      what: 'How many groups the user is in.',
      min: 0,
      max: Number.MAX_SAFE_INTEGER,
      example: 1,
      leftOut: 'no single user was found',
    }),
  ),
  claims: Type.Optional(
    set(item({ max: 128 }), {
      what: 'Names of the claims that the entry has a value for, at most 60.',
      max: 60,
      example: ['email', 'name'],
      leftOut: 'there are none',
    }),
  ),
  rules: Type.Optional(
    keyed('name', ruleState, {
      what: 'What the consent rules say of the user; the first 20 of them.',
      max: 20,
      example: [{ name: 'orders', holds: true, why: 'is in shop-staff' }],
      leftOut: 'there is no rule, or no single user was found',
    }),
  ),
  scopes: Type.Optional(
    keyed('scope', scopeState, {
      what: 'Which scopes the user may allow: those that rules name, then the built-in ones, at most 40. For any other holds what unlistedScopes says.',
      max: 40,
      example: [{ scope: 'orders:read', allowed: true, rules: ['orders'], why: 'by rule orders' }],
      leftOut: 'no single user was found',
    }),
  ),
});
