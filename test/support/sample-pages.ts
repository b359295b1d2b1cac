/** Every page with plausible content, and all that can go wrong on it; for looks, words, sizes and accessibility. */
import {
  type AccountInput,
  accountPage,
  type ChooseAccountInput,
  type ConsentInput,
  type ConsentPartialInput,
  type ContinueInput,
  chooseAccountPage,
  consentPage,
  consentPartialPage,
  continuePage,
  type DeviceConfirmInput,
  deviceConfirmPage,
  deviceDonePage,
  devicePage,
  type ErrorInput,
  english,
  errorPage,
  type Form,
  type FormPostInput,
  type Frame,
  formPostPage,
  type Language,
  type LoginInput,
  languageNames,
  loginPage,
  type PasswordInput,
  passwordPage,
  type RequestedScope,
  requestedLanguage,
  type SignedOutInput,
  type SignOutInput,
  signedOutPage,
  signOutPage,
} from '../../server/src/views/index.ts';

/** A sealed request of usual size, and a form token. */
const form = (action: string): Form => ({
  action,
  fields: [
    { name: 'request', value: 'q'.repeat(900) },
    { name: 'form_token', value: 't'.repeat(43) },
  ],
});
const frame: Frame = { language: english, displayName: 'Acme', basePath: '' };
/** A page with a request in its address, on a server whose owner put links and words below it. */
const surroundings: Partial<Frame> = {
  here: `/login?request=${'h'.repeat(36)}`,
  branding: {
    links: {
      help: 'https://acme.example/help',
      privacy: 'https://acme.example/privacy',
      terms: 'https://acme.example/terms',
    },
    texts: { help: 'Service desk: +49 30 1234567' },
  },
};
const client = { name: 'Order Desk' };
const host = 'orders.example.com';
const continueTo = 'https://orders.example.com/callback?code=abc&state=xyz&iss=https%3A%2F%2Flogin.acme.example';
const user = { name: 'Ada Lovelace', username: 'ada' };
const reference = 'c349b3c2018585caf48c6c8fac9e7fa2';

const scopes: readonly RequestedScope[] = [
  { scope: 'openid' },
  {
    scope: 'profile',
    claims: [
      { name: 'name', value: 'Ada Lovelace' },
      { name: 'preferred_username', value: 'ada' },
    ],
  },
  {
    scope: 'email',
    claims: [
      { name: 'email', value: 'ada@example.com' },
      { name: 'email_verified', value: true },
    ],
  },
  {
    scope: 'shop:orders.write',
    displayName: 'Change orders',
    description: 'Create, change and cancel orders on your behalf.',
    onlyMembersOf: ['order-managers'],
  },
  { scope: 'offline_access' },
];

const longScopes: readonly RequestedScope[] = [
  ...scopes,
  { scope: 'groups', claims: [{ name: 'groups', value: Array.from({ length: 30 }, (_, at) => `team-number-${at}`) }] },
  {
    scope: 'shop:everything',
    displayName: 'w'.repeat(120),
    description: 'i'.repeat(300),
    claims: [{ name: 'employee_number_of_the_internal_register', value: 'z'.repeat(120) }],
    onlyMembersOf: ['a', 'b', 'cn=a-very-long-group-name,ou=groups,dc=example,dc=com'],
  },
];

const long = {
  displayName: 'The Ministry of Extraordinarily Long Organisation Names',
  client: { name: 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft' },
  user: { name: 'Maximiliana Wolfeschlegelsteinhausenbergerdorff', username: 'wolfe@example.com' },
  scopes: longScopes,
};

export const loginInput = (more: Partial<LoginInput> = {}): LoginInput => ({
  ...frame,
  form: form('/login'),
  client,
  host,
  ...more,
});

export const consentInput = (more: Partial<ConsentInput> = {}): ConsentInput => ({
  ...frame,
  form: form('/consent'),
  client: {
    ...client,
    namespace: 'shop',
    policyUri: 'https://orders.example.com/privacy',
    tosUri: 'https://orders.example.com/terms',
  },
  host,
  user,
  scopes,
  rememberedUntil: Date.UTC(2027, 2, 15) / 1000,
  ...more,
});

export const partialInput = (more: Partial<ConsentPartialInput> = {}): ConsentPartialInput => ({
  ...frame,
  client,
  refused: [{ scope: 'shop:orders.write', displayName: 'Change orders' }, { scope: 'email' }],
  continueTo,
  ...more,
});

export const continueInput = (more: Partial<ContinueInput> = {}): ContinueInput => ({
  ...frame,
  client,
  continueTo,
  ...more,
});

export const errorInput = (code: ErrorInput['code'], more: Partial<ErrorInput> = {}): ErrorInput => ({
  ...frame,
  code,
  reference,
  ...more,
});

export const accountInput = (more: Partial<AccountInput> = {}): AccountInput => ({
  ...frame,
  form: form('/account'),
  user,
  sessions: [
    { id: 's1', browser: 'Chrome', system: 'Linux', since: Date.UTC(2026, 10, 25) / 1000, age: 4, current: true },
    {
      id: 's2',
      browser: 'Firefox',
      system: 'Windows',
      since: Date.UTC(2026, 10, 20) / 1000,
      age: 7200,
      current: false,
    },
    {
      id: 's3',
      browser: undefined,
      system: undefined,
      since: Date.UTC(2026, 9, 1) / 1000,
      age: 90_000,
      current: false,
    },
  ],
  applications: [
    { id: 'a1', client, scopes, since: Date.UTC(2026, 8, 3) / 1000, age: 300 },
    {
      id: 'a2',
      client: { name: 'Time Sheets' },
      scopes: [{ scope: 'openid' }, { scope: 'email' }],
      since: Date.UTC(2026, 1, 1) / 1000,
      age: 40 * 86_400,
    },
  ],
  ...more,
});

export const passwordInput = (more: Partial<PasswordInput> = {}): PasswordInput => ({
  ...frame,
  form: form('/password'),
  username: user.username,
  ...more,
});

export const chooseAccountInput = (more: Partial<ChooseAccountInput> = {}): ChooseAccountInput => ({
  ...frame,
  form: form('/choose-account'),
  client,
  accounts: [{ id: 's1', ...user }],
  ...more,
});

export const deviceConfirmInput = (more: Partial<DeviceConfirmInput> = {}): DeviceConfirmInput => ({
  ...frame,
  form: form('/device'),
  client: consentInput().client,
  user,
  scopes,
  userCode: 'BCDF-GHJK',
  age: 42,
  place: { place: 'other', network: '203.0.113.0/24' },
  ...more,
});

export const formPostInput = (more: Partial<FormPostInput> = {}): FormPostInput => ({
  ...frame,
  client,
  action: 'https://orders.example.com/callback',
  fields: [
    ['code', 'c'.repeat(43)],
    ['id_token', 'i'.repeat(900)],
    ['state', 'xyz'],
    ['iss', 'https://login.acme.example'],
  ],
  ...more,
});

export const signOutInput = (more: Partial<SignOutInput> = {}): SignOutInput => ({
  ...frame,
  form: form('/sign-out'),
  user,
  clients: [client, { name: 'Time Sheets' }],
  ...more,
});

export const signedOutInput = (more: Partial<SignedOutInput> = {}): SignedOutInput => ({
  ...frame,
  frames: [],
  unreached: [],
  signInAgain: '/account',
  ...more,
});

const errors: Readonly<Record<string, ErrorInput>> = {
  'error-invalid-request': errorInput('invalid_request', {
    description: 'redirect_uri is not registered for this client',
  }),
  'error-invalid-scope': errorInput('invalid_scope', { client, backTo: continueTo }),
  'error-access-denied': errorInput('access_denied', { client, scopes, backTo: continueTo }),
  'error-directory': errorInput('temporarily_unavailable', { unavailable: 'directory', retry: form('/consent') }),
  'error-busy': errorInput('temporarily_unavailable', { retry: { href: '/authorize?client_id=shop.orders' } }),
  'error-request-expired': errorInput('request_expired', { restart: form('/authorize') }),
  'error-cookie-missing': errorInput('cookie_missing', { client, host: 'login.acme.example' }),
  'error-already-answered': errorInput('already_answered', { client, backTo: continueTo }),
  'error-logout-failed': errorInput('logout_failed'),
  'error-not-found': errorInput('not_found'),
  'error-server-error': errorInput('server_error'),
};

/** @param language the language of every page; default English. */
export function samplePages(language: Language = english): Readonly<Record<string, string>> {
  const look = { ...surroundings, language };
  const login = (more: Partial<LoginInput>) => loginPage(loginInput({ ...look, ...more }));
  return {
    login: login({}),
    'login-hint': login({ username: 'ada' }),
    'login-refused': login({ username: 'ada', problems: [{ code: 'credentials_rejected' }] }),
    'login-empty': login({ problems: [{ code: 'username_missing' }, { code: 'password_missing' }] }),
    'login-wait': login({ username: 'ada', problems: [{ code: 'too_many_tries', minutes: 3 }] }),
    'login-again': login({ reauthentication: user }),
    'login-again-refused': login({ reauthentication: user, problems: [{ code: 'credentials_rejected' }] }),
    consent: consentPage(consentInput(look)),
    'consent-long': consentPage(
      consentInput({
        ...look,
        ...long,
        client: { ...long.client, namespace: 'shop' },
        host: 'a-very-long-subdomain.with-many-labels.internal.applications.example.com:8443',
      }),
    ),
    'consent-by-name': consentPage(
      consentInput({
        ...look,
        claims: [
          { name: 'email', value: 'ada@example.com' },
          { name: 'birthdate', value: undefined },
        ],
      }),
    ),
    'consent-partial': consentPartialPage(partialInput(look)),
    continue: continuePage(continueInput(look)),
    'form-post': formPostPage(formPostInput(look)),
    'login-nobody': login({ nobody: true }),
    'login-own-page': login({ client: undefined, host: undefined }),
    'choose-account': chooseAccountPage(chooseAccountInput(look)),
    device: devicePage({ ...frame, ...look, form: form('/device') }),
    'device-refused': devicePage({
      ...frame,
      ...look,
      form: form('/device'),
      userCode: 'bcdf ghjk',
      problem: { code: 'user_code_rejected' },
    }),
    'device-confirm': deviceConfirmPage(deviceConfirmInput(look)),
    'device-confirm-long': deviceConfirmPage(
      deviceConfirmInput({ ...look, ...long, client: { ...long.client, namespace: 'shop' } }),
    ),
    'device-done': deviceDonePage({
      ...frame,
      ...look,
      outcome: 'connected',
      client,
      scopes,
      refused: [{ scope: 'groups' }],
      account: '/account',
    }),
    'device-done-stopped': deviceDonePage({ ...frame, ...look, outcome: 'stopped' }),
    account: accountPage(accountInput({ ...look, password: '/password' })),
    'account-removed': accountPage(accountInput({ ...look, done: { removed: { client: { name: 'Photo Prints' } } } })),
    'account-signed-out': accountPage(accountInput({ ...look, done: 'signed-out' })),
    'account-empty': accountPage(accountInput({ ...look, applications: [] })),
    'account-sign-out-all': accountPage(accountInput({ ...look, question: 'sign-out-all' })),
    'account-remove': accountPage(accountInput({ ...look, question: { remove: { id: 'uid', client } } })),
    'account-remove-all': accountPage(accountInput({ ...look, question: 'remove-all' })),
    password: passwordPage(passwordInput({ ...look, account: '/account' })),
    'password-refused': passwordPage(passwordInput({ ...look, account: '/account', problem: 'in_history' })),
    'password-required': passwordPage(passwordInput({ ...look, required: { client } })),
    'password-required-refused': passwordPage(passwordInput({ ...look, required: { client }, problem: 'credentials' })),
    'password-required-own-page': passwordPage(passwordInput({ ...look, required: {}, problem: 'too_young' })),
    'password-done': passwordPage(passwordInput({ ...look, account: '/account', done: true })),
    'account-long': accountPage(
      accountInput({
        ...look,
        done: { removed: long },
        displayName: long.displayName,
        user: long.user,
        applications: Array.from({ length: 4 }, (_, at) => ({
          id: `a${at}`,
          client: long.client,
          scopes: longScopes,
          since: 0,
          age: 1_000_000 * at,
        })),
      }),
    ),
    'sign-out': signOutPage(signOutInput(look)),
    'signed-out': signedOutPage(signedOutInput({ ...look, unreached: [{ name: 'Time Sheets' }] })),
    'signed-out-back': signedOutPage(
      signedOutInput({ ...look, back: { client, uri: 'https://orders.example.com/bye', goesOn: false } }),
    ),
    ...Object.fromEntries(Object.entries(errors).map(([name, input]) => [name, errorPage({ ...input, ...look })])),
  };
}

const language = (tag: string): Language => requestedLanguage(tag) ?? english;

/** A language that is written from right to left. */
export const arabic: Language = language('ar');
/** One with long words. */
export const german: Language = language('de');
export const allLanguages: readonly Language[] = languageNames.map(([tag]) => language(tag));

/** Pages of a server, and of an application, whose owners gave them a picture and colours. */
export function brandedPages(language: Language = english): Readonly<Record<string, string>> {
  const look: Partial<Frame> = {
    ...surroundings,
    language,
    branding: {
      ...surroundings.branding,
      logo: '/logos/server',
      colors: { light: '#7a1fa2', dark: '#e1a6f5' },
      texts: {
        help: 'Service desk: +49 30 1234567',
        footer: 'Acme Ltd, 1 Example Street',
        usernameLabel: 'Staff number',
        usernameHint: 'Seven digits, on your badge',
      },
    },
  };
  return {
    'login-branded': loginPage(loginInput({ ...look, problems: [{ code: 'credentials_rejected' }] })),
    'consent-branded': consentPage(
      consentInput({ ...look, client: { ...consentInput().client, logo: '/logos/client' } }),
    ),
  };
}
