/** Every page with plausible content, and all that can go wrong on it; for looks, words, sizes and accessibility. */
import {
  type ConsentInput,
  type ConsentPartialInput,
  type ContinueInput,
  consentPage,
  consentPartialPage,
  continuePage,
  type ErrorInput,
  english,
  errorPage,
  type Form,
  type Frame,
  type Language,
  type LoginInput,
  loginPage,
  type RequestedScope,
} from '../../server/src/views/index.ts';
import { createLanguage } from '../../server/src/views/messages.ts';

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
        displayName: 'The Ministry of Extraordinarily Long Organisation Names',
        client: {
          name: 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft',
          namespace: 'shop',
        },
        host: 'a-very-long-subdomain.with-many-labels.internal.applications.example.com:8443',
        user: { name: 'Maximiliana Wolfeschlegelsteinhausenbergerdorff', username: 'wolfe@example.com' },
        scopes: longScopes,
      }),
    ),
    'consent-partial': consentPartialPage(partialInput(look)),
    continue: continuePage(continueInput(look)),
    ...Object.fromEntries(Object.entries(errors).map(([name, input]) => [name, errorPage({ ...input, ...look })])),
  };
}

/** A language that is written from right to left; what it lacks stays English. */
export const arabic: Language = createLanguage('ar', {
  'login.heading': 'تسجيل الدخول',
  'login.continue-to': 'للمتابعة إلى {client}',
  'login.return': 'ستعود إلى {host}.',
  'login.username': 'اسم المستخدم',
  'login.password': 'كلمة المرور',
  'login.sign-in': 'تسجيل الدخول',
  'login.cancel': 'إلغاء',
  'problem.title': 'هناك مشكلة',
  'problem.credentials_rejected': 'اسم المستخدم أو كلمة المرور غير صحيحة.',
  'consent.heading': 'يطلب {client} الوصول',
  'consent.signed-in-as': 'أنت مسجل الدخول باسم {name} ({username}).',
  'consent.wants': 'يريد:',
  'consent.allow': 'السماح',
  'consent.deny': 'عدم السماح',
  'scope.openid': 'معرفة من أنت',
  'scope.email': 'رؤية بريدك الإلكتروني',
  'claim.name': 'الاسم',
});
