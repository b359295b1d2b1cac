/** PURE. Scope: something an application may ask for, in words for the person who is asked (RFC 6749 §3.3). */
import { type Static, Type } from 'typebox';
import { choice, entry, group, item, keyed, set, text } from './field.ts';
import { admission } from './namespace-selection.ts';
import { authorizationServerRef } from './references.ts';
import { computed, status } from './status.ts';
import { claimName, claimNotReserved, plainText, printable, scopeToken } from './text-rules.ts';

/** Scopes that exist without a Scope and cannot be redefined. */
export const builtInScopes = ['openid', 'profile', 'email', 'phone', 'address', 'offline_access', 'groups'] as const;

export const builtInScopeList = `[${builtInScopes.map((name) => `'${name}'`).join(', ')}]`;

const translation = entry({
  language: text({
    what: 'Language of the texts (BCP 47).',
    max: 35,
    rules: [
      {
        // One spelling of each: two that mean the same would be two entries.
        rule: `self.matches('^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$')`,
        message: 'must be a language tag in its usual form, with script or region if need be: de, pt-BR, zh-Hans',
      },
    ],
    allowed: 'a language tag in its usual form: de, pt-BR, zh-Hans',
    example: 'de',
  }),
  displayName: text({
    what: 'What the scope allows.',
    max: 128,
    rules: [plainText],
    example: 'Ihre Bestellungen sehen',
  }),
  description: Type.Optional(
    text({
      what: 'A sentence more.',
      max: 512,
      rules: [plainText],
      example: 'Bestellungen der letzten zwei Jahre, ohne Zahlungsdaten.',
      leftOut: 'only displayName is shown',
    }),
  ),
});

export const scopeSpec = group(
  {
    authorizationServerRef,
    name: Type.Optional(
      text({
        what: 'The scope as applications send it. It cannot be changed.',
        max: 128,
        rules: [scopeToken],
        allowed:
          'printable ASCII without space, double quote and backslash; outside the namespace of the server it begins with <namespace>: unless a client policy grants another name',
        example: 'orders:read',
        leftOut: 'metadata.name; status.name shows it',
      }),
    ),
    displayName: text({
      what: 'What it allows, as the consent page shows it after "It wants to:".',
      max: 128,
      rules: [plainText],
      example: 'Read your orders',
    }),
    description: Type.Optional(
      text({
        what: 'A sentence more for the consent page.',
        max: 512,
        rules: [plainText],
        example: 'Orders of the last two years, without payment details.',
        leftOut: 'only displayName is shown',
      }),
    ),
    translations: Type.Optional(
      keyed('language', translation, {
        what: 'The same two texts in other languages. A person gets the one of the language of the page, else the texts above.',
        max: 20,
        example: [{ language: 'de', displayName: 'Ihre Bestellungen sehen' }],
        leftOut: 'the texts above are shown in every language',
      }),
    ),
    claims: Type.Optional(
      set(item({ max: 128, rules: [claimName, claimNotReserved] }), {
        what: 'Claims about the user that the scope releases. An LdapBinding maps them from attributes.',
        max: 50,
        allowed: 'claim names; those that the protocol sets (iss, sub, aud, …) are refused',
        example: ['customer_number'],
        leftOut: 'none',
      }),
    ),
    audiences: Type.Optional(
      set(item({ max: 512, rules: [printable] }), {
        what: 'Audiences (aud) of access tokens with this scope: the resource servers that understand it.',
        max: 16,
        allowed: 'client ids of the own namespace, and what a client policy grants',
        example: ['shop.api'],
        leftOut: 'the scope adds no audience',
      }),
    ),
    allowedClients: admission('Which namespaces may list this scope in their Clients.'),
    consent: choice(['Required', 'Implicit'], {
      what: 'Whether users are asked.',
      allowed:
        'Required, or Implicit (granted without asking; the directory is asked all the same; outside the namespace of the server a client policy must allow it)',
      default: 'Required',
      example: 'Implicit',
    }),
  },
  {
    what: 'What the scope is called, means and releases.',
    example: { displayName: 'Read your orders' },
    rules: [
      {
        rule: 'has(self.name) == has(oldSelf.name) && (!has(self.name) || self.name == oldSelf.name)',
        message:
          'name cannot change, Clients, consents and tokens refer to it: create a second Scope with the new name, move the Clients, then delete this one',
        fieldPath: '.name',
      },
    ],
  },
);
export type ScopeSpec = Static<typeof scopeSpec>;

export const scopeStatus = status({
  name: computed('The scope as applications send it.', 128, 'orders:read'),
  authorizationServer: computed(
    'The AuthorizationServer that serves this Scope, <namespace>/<name>.',
    128,
    'identity/default',
  ),
});
export type ScopeStatus = Static<typeof scopeStatus>;
