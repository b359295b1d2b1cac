/** Scopes. */
import { claimReserved, edit, plain, scope, scopeToken, type Verdict } from './words.ts';

export const scopes: readonly Verdict[] = [
  scope('the smallest one', {}),
  scope('claims and audiences', {
    claims: ['customer_number'],
    audiences: ['shop.api'],
    allowedClients: { namespaces: { from: 'All' } },
    consent: 'Implicit',
    description: 'Two years.',
  }),
  scope(
    'no text for people',
    { displayName: undefined },
    'spec.displayName: is required, for example Read your orders',
  ),
  scope(
    'a built-in one',
    { name: 'openid' },
    'spec.name: openid, profile, email, phone, address, offline_access, groups are built in and cannot be redefined: choose another name',
  ),
  {
    ...scope(
      'a built-in one by its own name',
      { name: undefined },
      'spec.name: openid, profile, email, phone, address, offline_access, groups are built in and cannot be redefined: choose another name',
    ),
    metadata: { name: 'email' },
  },
  scope('other languages', {
    translations: [
      { language: 'de', displayName: 'Ihre Bestellungen sehen', description: 'Der letzten zwei Jahre.' },
      { language: 'zh-Hans', displayName: '查看您的订单' },
      { language: 'pt-BR', displayName: 'Ver os seus pedidos' },
      { language: 'es-419', displayName: 'Ver sus pedidos' },
    ],
  }),
  scope(
    'a language in capitals',
    { translations: [{ language: 'DE', displayName: 'x' }] },
    'spec.translations[0].language: must be a language tag in its usual form, with script or region if need be: de, pt-BR, zh-Hans',
  ),
  scope(
    'a language twice',
    {
      translations: [
        { language: 'de', displayName: 'x' },
        { language: 'de', displayName: 'y' },
      ],
    },
    'spec.translations[1]: is the same as spec.translations[0]: list it once',
  ),
  scope(
    'more languages than anybody keeps up to date',
    {
      translations: Array.from({ length: 21 }, (_, index) => ({
        language: `a${String.fromCharCode(97 + index)}`,
        displayName: 'x',
      })),
    },
    'spec.translations: has 21 items, at most 20 are allowed',
  ),
  scope(
    'a translation without words',
    { translations: [{ language: 'de' }] },
    'spec.translations[0].displayName: is required, for example Ihre Bestellungen sehen',
  ),
  scope('a name with a space', { name: 'orders read' }, `spec.name: ${scopeToken}`),
  scope('a claim of the protocol', { claims: ['iss'] }, `spec.claims[0]: ${claimReserved}`),
  scope('a description with a tab', { description: 'a\tb' }, `spec.description: ${plain}`),
  scope('a third kind of consent', { consent: 'Always' }, 'spec.consent: must be one of Required, Implicit'),
  edit(
    scope(
      'another name',
      { name: 'orders:write' },
      'spec.name: name cannot change, Clients, consents and tokens refer to it: create a second Scope with the new name, move the Clients, then delete this one',
    ),
    {},
  ),
  edit(scope('other words', { displayName: 'See your orders' }), {}),
];
