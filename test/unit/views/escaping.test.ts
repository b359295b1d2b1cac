import { describe, expect, it } from 'vitest';
import {
  chooseAccountPage,
  consentPage,
  consentPartialPage,
  continuePage,
  deviceConfirmPage,
  deviceDonePage,
  devicePage,
  errorPage,
  loginPage,
  passwordPage,
} from '../../../server/src/views/index.ts';
import {
  chooseAccountInput,
  consentInput,
  continueInput,
  deviceConfirmInput,
  errorInput,
  loginInput,
  partialInput,
  passwordInput,
} from '../../support/sample-pages.ts';
import { decode, skeletonOf } from './markup.ts';

const probes = [
  '"><script>alert(1)</script>',
  "'><img src=x onerror=alert(1)>",
  '</title><svg onload=alert(1)>',
  '" autofocus onfocus="alert(1)',
  '<!-- ',
  '&lt;script&gt;',
  '{client}',
  "'{",
  '{n, plural, one {#} other {#}}',
  '#',
  '$& $1',
];

interface Field {
  readonly page: string;
  readonly field: string;
  /** The page with this text in the field. */
  readonly render: (text: string) => string;
}
const field = (page: string, name: string, render: (text: string) => string): Field => ({ page, field: name, render });

const client = consentInput().client;
const user = { name: 'Ada', username: 'ada' };
const claim = (name: string, value: unknown) => [{ scope: 'shop:x', claims: [{ name, value }] }];
const fields: readonly Field[] = [
  field('login', 'displayName', (displayName) => loginPage(loginInput({ displayName }))),
  field('login', 'client.name', (name) => loginPage(loginInput({ client: { name } }))),
  field('login', 'host', (host) => loginPage(loginInput({ host }))),
  field('login', 'username', (username) => loginPage(loginInput({ username }))),
  field('login', 'username beside a problem', (username) =>
    loginPage(loginInput({ username, problems: [{ code: 'credentials_rejected' }] })),
  ),
  field('login', 'reauthentication.name', (name) =>
    loginPage(loginInput({ reauthentication: { name, username: 'ada' } })),
  ),
  field('login', 'reauthentication.username', (username) =>
    loginPage(loginInput({ reauthentication: { name: 'Ada', username } })),
  ),
  field('login', 'hidden field', (value) =>
    loginPage(loginInput({ form: { action: '/login', fields: [{ name: 'request', value }] } })),
  ),
  field('login', 'name of a hidden field', (name) =>
    loginPage(loginInput({ form: { action: '/login', fields: [{ name, value: '' }] } })),
  ),
  field('password', 'username', (username) => passwordPage(passwordInput({ username }))),
  field('password', 'client.name', (name) => passwordPage(passwordInput({ required: { client: { name } } }))),
  field('password', 'hidden field', (value) =>
    passwordPage(passwordInput({ form: { action: '/password', fields: [{ name: 'request', value }] } })),
  ),
  field('choose-account', 'client.name', (name) => chooseAccountPage(chooseAccountInput({ client: { name } }))),
  ...(['id', 'name', 'username'] as const).map((part) =>
    field('choose-account', `account ${part}`, (text) =>
      chooseAccountPage(chooseAccountInput({ accounts: [{ id: 's', ...user, [part]: text }] })),
    ),
  ),
  field('consent', 'name of a claim by name', (name) =>
    consentPage(consentInput({ claims: [{ name, value: undefined }] })),
  ),
  field('consent', 'claim by name', (value) => consentPage(consentInput({ claims: [{ name: 'email', value }] }))),
  field('consent', 'displayName', (displayName) => consentPage(consentInput({ displayName }))),
  field('consent', 'client.name', (name) => consentPage(consentInput({ client: { ...client, name } }))),
  field('consent', 'client.namespace', (namespace) => consentPage(consentInput({ client: { ...client, namespace } }))),
  field('consent', 'host', (host) => consentPage(consentInput({ host }))),
  field('consent', 'user.name', (name) => consentPage(consentInput({ user: { ...user, name } }))),
  field('consent', 'user.username', (username) => consentPage(consentInput({ user: { ...user, username } }))),
  field('consent', 'scope', (scope) => consentPage(consentInput({ scopes: [{ scope }] }))),
  field('consent', 'scope.displayName', (displayName) =>
    consentPage(consentInput({ scopes: [{ scope: 'shop:x', displayName }] })),
  ),
  field('consent', 'scope.description', (description) =>
    consentPage(consentInput({ scopes: [{ scope: 'shop:x', description }] })),
  ),
  field('consent', 'e-mail address', (value) =>
    consentPage(consentInput({ scopes: [{ scope: 'email', claims: [{ name: 'email', value }] }] })),
  ),
  field('consent', 'claim name', (name) => consentPage(consentInput({ scopes: claim(name, 'x') }))),
  field('consent', 'claim value', (value) => consentPage(consentInput({ scopes: claim('department', value) }))),
  field('consent', 'one of several claim values', (value) =>
    consentPage(consentInput({ scopes: claim('department', ['a', value]) })),
  ),
  field('consent', 'claim value inside an object', (value) =>
    consentPage(consentInput({ scopes: claim('address', { formatted: value }) })),
  ),
  field('consent', 'group of a rule', (group) =>
    consentPage(consentInput({ scopes: [{ scope: 'shop:x', onlyMembersOf: ['a', group] }] })),
  ),
  field('consent-partial', 'client.name', (name) => consentPartialPage(partialInput({ client: { name } }))),
  field('consent-partial', 'scope.displayName', (displayName) =>
    consentPartialPage(partialInput({ refused: [{ scope: 'shop:x', displayName }] })),
  ),
  field('continue', 'client.name', (name) => continuePage(continueInput({ client: { name } }))),
  field('continue', 'state', (state) =>
    continuePage(continueInput({ continueTo: `https://orders.example.com/callback?state=${state}` })),
  ),
  field('device', 'user code', (userCode) =>
    devicePage({ ...loginInput(), userCode, problem: { code: 'user_code_rejected' } }),
  ),
  field('device-confirm', 'client.name', (name) =>
    deviceConfirmPage(deviceConfirmInput({ client: { ...client, name } })),
  ),
  field('device-confirm', 'client.namespace', (namespace) =>
    deviceConfirmPage(deviceConfirmInput({ client: { ...client, namespace } })),
  ),
  field('device-confirm', 'user.name', (name) => deviceConfirmPage(deviceConfirmInput({ user: { ...user, name } }))),
  field('device-confirm', 'user code', (userCode) => deviceConfirmPage(deviceConfirmInput({ userCode }))),
  field('device-confirm', 'network', (network) =>
    deviceConfirmPage(deviceConfirmInput({ place: { place: 'other', network } })),
  ),
  field('device-confirm', 'group of a rule', (group) =>
    deviceConfirmPage(deviceConfirmInput({ scopes: [{ scope: 'shop:x', onlyMembersOf: ['a', group] }] })),
  ),
  field('device-done', 'client.name', (name) =>
    deviceDonePage({
      ...loginInput(),
      outcome: 'connected',
      client: { name },
      scopes: [{ scope: 'email' }],
      refused: [],
      account: '/account',
    }),
  ),
  field('device-done', 'scope.displayName', (displayName) =>
    deviceDonePage({
      ...loginInput(),
      outcome: 'connected',
      client: { name: 'x' },
      scopes: [{ scope: 'shop:x', displayName }],
      refused: [],
      account: '/account',
    }),
  ),
  field('error', 'reference', (reference) => errorPage(errorInput('server_error', { reference }))),
  field('error', 'description', (description) => errorPage(errorInput('invalid_request', { description }))),
  field('error', 'client.name', (name) =>
    errorPage(
      errorInput('access_denied', { client: { name }, scopes: [{ scope: 'email' }], backTo: 'https://x.example' }),
    ),
  ),
  field('error', 'scope.displayName', (displayName) =>
    errorPage(errorInput('access_denied', { client: { name: 'x' }, scopes: [{ scope: 'shop:x', displayName }] })),
  ),
  field('error', 'host', (host) => errorPage(errorInput('cookie_missing', { host, client: { name: 'x' } }))),
  field('error', 'hidden field', (value) =>
    errorPage(
      errorInput('request_expired', { restart: { action: '/authorize', fields: [{ name: 'request', value }] } }),
    ),
  ),
];

describe('A12, A86: whatever a field holds is text', () => {
  it.each(fields)('$page: $field', ({ render }) => {
    const plain = skeletonOf(render('plain'));
    for (const probe of probes) {
      const page = render(probe);
      expect(skeletonOf(page), probe).toBe(plain);
      expect(decode(page), probe).toContain(probe);
    }
  });

  it.each(fields)('$page: $field: nothing turns the reading direction around', ({ render }) => {
    const page = render('\u202emoc.elpmaxe\u2066');
    expect(page).not.toMatch(/[\u202a-\u202e\u2066-\u2069]/);
  });
});
