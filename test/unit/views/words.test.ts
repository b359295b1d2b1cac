import { describe, expect, it } from 'vitest';
import {
  consentPage,
  consentPartialPage,
  continuePage,
  errorPage,
  type LoginProblem,
  loginPage,
} from '../../../server/src/views/index.ts';
import {
  consentInput,
  continueInput,
  errorInput,
  loginInput,
  partialInput,
  samplePages,
} from '../../support/sample-pages.ts';
import { attributeValues, tagById, textById, textOf, titleOf } from './markup.ts';

const client = { name: 'Order Desk' };
const backTo = 'https://orders.example.com/callback?error=x';
const restart = { action: '/authorize', fields: [{ name: 'request', value: 'sealed' }] };

describe('words of the pages', () => {
  const { reauthentication } = { reauthentication: { name: 'Ada Lovelace', username: 'ada' } };
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    [
      'login',
      loginPage(loginInput()),
      ['Sign in to continue to Order Desk You will go back to orders.example.com.', 'Username', 'Password'],
    ],
    ['login, once more', loginPage(loginInput({ reauthentication })), ['Please confirm that it is you, Ada Lovelace.']],
    [
      'consent',
      consentPage(consentInput()),
      [
        'Order Desk asks for access',
        'You are signed in as Ada Lovelace (ada).',
        'Order Desk is run by shop and sends you back to orders.example.com.',
        'It wants to:',
        'See your e-mail address (ada@example.com)',
        'Change orders Create, change and cancel orders on your behalf.',
        'Only for members of order-managers. Your directory is asked when you choose Allow.',
        'Keep this access while you are away',
        'You will not be asked again before March 15, 2027, unless it wants more.',
        'Privacy policy',
        'Terms of use',
      ],
    ],
    [
      'consent-partial',
      consentPartialPage(partialInput()),
      [
        'Some access was not given',
        'Your directory does not allow: Change orders and See your e-mail address. Order Desk gets the rest.',
      ],
    ],
    ['continue', continuePage(continueInput()), ['Going to Order Desk', 'If nothing happens, choose Continue.']],
  ];
  it.each(cases)('%s', (_, page, sentences) => {
    for (const sentence of sentences) expect(textOf(page)).toContain(sentence);
  });

  it('consent: without a date nothing is promised, without rules nothing is warned of', () => {
    const page = textOf(consentPage(consentInput({ rememberedUntil: undefined, scopes: [{ scope: 'openid' }] })));
    expect(page).not.toContain('asked again');
    expect(page).not.toContain('Only for members');
  });

  it('consent: a rule without groups says that the directory is asked', () => {
    const scopes = [{ scope: 'shop:x', onlyMembersOf: [] }];
    expect(textOf(consentPage(consentInput({ scopes })))).toContain('Your directory is asked when you choose Allow.');
  });

  it.each([
    ['order-managers', 'order-managers'],
    ['cn=order-managers,ou=groups,dc=example,dc=com', 'order-managers'],
    ['CN=Order Managers,OU=Groups,DC=example', 'Order Managers'],
    ['cn=Managers\\, Orders,ou=groups', 'cn=Managers\\, Orders,ou=groups'],
    ['cn=a+uid=b,ou=groups', 'cn=a+uid=b,ou=groups'],
    ['a=b', 'a=b'],
  ])('consent: the group %s is called %s', (group, called) => {
    const scopes = [{ scope: 'shop:x', onlyMembersOf: [group] }];
    expect(textOf(consentPage(consentInput({ scopes })))).toContain(`Only for members of ${called}. Your`);
  });

  it('consent: one of several groups is enough', () => {
    const scopes = [{ scope: 'shop:x', onlyMembersOf: ['a', 'b', 'c'] }];
    expect(textOf(consentPage(consentInput({ scopes })))).toContain('Only for members of a, b, or c.');
  });

  it.each([
    ['an e-mail address that the directory lacks', 'email', undefined, 'See your e-mail address'],
    ['no groups', 'groups', [], 'See your groups'],
    ['two groups', 'groups', ['a', 'b'], 'See your groups (a, b)'],
    ['many groups', 'groups', ['1', '2', '3', '4', '5', '6', '7', '8'], 'See your groups (1, 2, 3, 4, 5, 6, 2 more)'],
  ])('consent: %s', (_, scope, value, sentence) => {
    const page = consentPage(consentInput({ scopes: [{ scope, claims: [{ name: scope, value }] }] }));
    expect(
      /<ul class="scopes"[\s\S]*<\/ul>/
        .exec(page)?.[0]
        .replace(/<[^>]*>/g, '')
        .trim(),
    ).toBe(sentence);
  });

  it('consent: claims by name stand last, each of them, whether or not anything is known', () => {
    const claims = [
      { name: 'email', value: 'ada@example.com' },
      { name: 'birthdate', value: undefined },
      { name: 'department', value: '' },
      { name: 'email_verified', value: false },
    ];
    const page = textOf(consentPage(consentInput({ scopes: [{ scope: 'openid' }], claims })));
    expect(page).toContain(
      'Know who you are See these details about you E-mail address ada@example.com Date of birth not known department not known email_verified false',
    );
    expect(textOf(consentPage(consentInput()))).not.toContain('details about you');
  });

  it('consent: claims of other scopes stand beneath them, in words where there are some', () => {
    const claims = [
      { name: 'given_name', value: 'Ada' },
      { name: 'department', value: 'Analysis' },
      { name: 'address', value: { formatted: '12 St James’s Square, London', locality: 'London' } },
      { name: 'unknown_to_the_directory', value: undefined },
      { name: 'email_verified', value: true },
    ];
    const page = textOf(consentPage(consentInput({ scopes: [{ scope: 'shop:x', displayName: 'Ship', claims }] })));
    expect(page).toContain('Ship First name Ada department Analysis Postal address 12 St James’s Square, London');
    expect(page).not.toContain('unknown_to_the_directory');
    expect(page).not.toContain('email_verified');
  });
});

describe('problems of a sign-in', () => {
  const problems: readonly (readonly [LoginProblem, string, 'username' | 'password' | undefined])[] = [
    [{ code: 'username_missing' }, 'Enter your username', 'username'],
    [{ code: 'password_missing' }, 'Enter your password', 'password'],
    [{ code: 'credentials_rejected' }, 'Username or password is not right.', 'username'],
    [{ code: 'too_many_tries', minutes: 1 }, 'Too many tries. Wait 1 minute, then try again.', undefined],
    [{ code: 'too_many_tries', minutes: 3 }, 'Too many tries. Wait 3 minutes, then try again.', undefined],
    [{ code: 'account_disabled' }, 'Your account is switched off.', undefined],
    [{ code: 'account_expired' }, 'Your account has expired.', undefined],
    [{ code: 'account_unusable' }, 'Your account cannot be used at this time.', undefined],
    [{ code: 'password_expired' }, 'Your password has expired. Ask your administrator for a new one.', undefined],
  ];
  it.each(problems)('%j', (problem, text, field) => {
    const page = loginPage(loginInput({ username: 'ada', problems: [problem] }));
    expect(textOf(page)).toContain(`There is a problem ${text}`);
    expect(tagById(page, 'problem')).toMatch(/^<div id="problem" role="alert" tabindex="-1" autofocus>$/);
    expect(titleOf(page)).toBe('Error: Sign in – Acme');
    expect(page.includes(`<a href="#${field}">`)).toBe(field !== undefined);
    for (const id of ['username', 'password']) {
      expect(textById(page, `${id}-problem`)).toBe(id === field ? text : undefined);
      expect(tagById(page, id)?.includes(`aria-invalid="true" aria-describedby="${id}-problem"`)).toBe(id === field);
    }
  });

  it('a refused password of a fixed user name is shown at the password', () => {
    const reauthentication = { name: 'Ada', username: 'ada' };
    const page = loginPage(loginInput({ reauthentication, problems: [{ code: 'credentials_rejected' }] }));
    expect(page).toContain('<a href="#password">');
  });

  it('the user name survives, a password is never in a page', () => {
    const page = loginPage(loginInput({ username: 'ada', problems: [{ code: 'credentials_rejected' }] }));
    expect(tagById(page, 'username')).toContain('value="ada"');
    expect(tagById(page, 'password')).not.toContain('value');
  });
});

describe('errors', () => {
  const busy = 'Nothing was lost and nothing was given.';
  const bad =
    'This link does not work The application that sent you here made a mistake. You cannot repair it; tell its team.';
  const badCodes = [
    'invalid_request',
    'unauthorized_client',
    'invalid_client',
    'unsupported_response_type',
    'invalid_scope',
  ] as const;
  it.each(badCodes)('%s: what a developer needs is folded away', (code) => {
    const page = errorPage(errorInput(code, { description: 'nonce is too long', client, backTo }));
    expect(textOf(page)).toContain(bad);
    const details = /<details>[\s\S]*<\/details>/.exec(page)?.[0] ?? '';
    expect(textOf(`<body>${details}`)).toBe(
      `For developers ${code} nonce is too long Reference: c349b3c2018585caf48c6c8fac9e7fa2`,
    );
    expect(textById(page, 'back')).toBe('Back to Order Desk');
    expect(page).toContain(`data-error="${code}"`);
  });

  const cases: readonly (readonly [string, string, string, string | undefined, string | undefined])[] = [
    [
      'access_denied',
      errorPage(errorInput('access_denied', { client, scopes: [{ scope: 'email' }], backTo })),
      'You cannot give this access Order Desk asked for See your e-mail address. Your directory does not allow it.',
      'back',
      'Go back to Order Desk',
    ],
    [
      'temporarily_unavailable',
      errorPage(errorInput('temporarily_unavailable', { unavailable: 'directory', retry: restart })),
      `The directory does not answer ${busy}`,
      'retry',
      'Try again',
    ],
    [
      'temporarily_unavailable',
      errorPage(errorInput('temporarily_unavailable', { retry: { href: '/authorize?x=1' } })),
      `We are busy ${busy}`,
      'retry',
      'Try again',
    ],
    [
      'request_expired',
      errorPage(errorInput('request_expired', { restart })),
      'This page was open for too long Your request was kept.',
      'restart',
      'Start again',
    ],
    [
      'cookie_missing',
      errorPage(errorInput('cookie_missing', { client, host: 'login.acme.example' })),
      'Your browser did not send our cookie Allow cookies for login.acme.example, then start again from Order Desk.',
      undefined,
      undefined,
    ],
    [
      'already_answered',
      errorPage(errorInput('already_answered', { client, backTo })),
      'You have answered this already',
      'back',
      'Back to Order Desk',
    ],
    ['not_found', errorPage(errorInput('not_found')), 'Page not found', undefined, undefined],
    ['server_error', errorPage(errorInput('server_error')), 'Something went wrong on our side', undefined, undefined],
  ];
  it.each(cases)('%s', (code, page, sentence, id, action) => {
    expect(textOf(page)).toContain(sentence);
    expect(textOf(page)).toContain(`Reference: c349b3c2018585caf48c6c8fac9e7fa2 ${code}`);
    expect(page).toContain(`<body data-page="error" data-error="${code}">`);
    const steps = ['back', 'retry', 'restart'].filter((one) => textById(page, one) !== undefined);
    expect(steps).toEqual(id === undefined ? [] : [id]);
    if (id !== undefined) expect(textById(page, id)).toBe(action);
  });

  it('the sealed request travels in the form of "Start again" and "Try again"', () => {
    for (const page of [
      errorPage(errorInput('request_expired', { restart })),
      errorPage(errorInput('temporarily_unavailable', { retry: restart })),
    ]) {
      expect(page).toContain('<form method="post" action="/authorize">');
      expect(page).toContain('<input type="hidden" name="request" value="sealed">');
    }
  });

  it('what is not known is not promised', () => {
    expect(textOf(errorPage(errorInput('request_expired')))).not.toContain('kept');
    expect(textOf(errorPage(errorInput('cookie_missing', { host: 'a.example' })))).toContain(
      'Allow cookies for a.example, then start again from the application.',
    );
    expect(textOf(errorPage(errorInput('access_denied')))).toContain('Your directory does not allow it.');
  });

  it('a code that has no words of its own is a mistake of the application', () => {
    expect(textOf(errorPage(errorInput('request_not_supported')))).toContain(bad);
  });
});

describe('controls', () => {
  const login = loginPage(loginInput({ reauthentication: { name: 'Ada', username: 'ada' } }));
  const consent = consentPage(consentInput());
  it.each([
    ['sign-in', login, 'Sign in', ['name="sign-in"']],
    ['cancel', login, 'Cancel', ['name="cancel"', 'formnovalidate']],
    ['use-another', login, 'Use another account', ['name="use-another"', 'formnovalidate']],
    ['allow', consent, 'Allow', ['name="decision"', 'value="allow"']],
    ['deny', consent, 'Do not allow', ['name="decision"', 'value="deny"']],
    ['use-another', consent, 'Use another account', ['name="use-another"']],
  ])('button %s', (id, page, text, attributes) => {
    expect(textById(page, id)).toBe(text);
    for (const attribute of attributes) expect(tagById(page, id)).toContain(attribute);
  });

  it('fields help password managers, and keep keyboards from correcting', () => {
    const page = loginPage(loginInput({ username: 'ada' }));
    expect(tagById(page, 'username')).toMatch(/autocomplete="username" autocapitalize="none" spellcheck="false"/);
    expect(tagById(page, 'password')).toMatch(/type="password" autocomplete="current-password"/);
  });

  it('allow and deny are of one make', () => {
    const make = (id: string) => tagById(consent, id)?.replace(/ (id|value)="[^"]*"/g, '');
    expect(make('allow')).toBe(make('deny'));
  });

  it('a fixed user name is visible in the same form, for password managers too', () => {
    expect(tagById(login, 'username')).toMatch(/value="ada" readonly/);
    expect(textById(loginPage(loginInput({ username: 'ada' })), 'use-another')).toBeUndefined();
  });

  it('the way on is one link: to the application, at once where nothing is left to read', () => {
    const goingOn = continuePage(continueInput());
    const partial = consentPartialPage(partialInput());
    const target = continueInput().continueTo.replaceAll('&', '&amp;');
    expect(goingOn).toContain(`<meta http-equiv="refresh" content="0;url=${target}">`);
    expect(partial).not.toContain('http-equiv');
    for (const page of [goingOn, partial]) expect(tagById(page, 'continue')).toContain(`href="${target}"`);
    expect(textById(goingOn, 'continue')).toBe('Continue');
    expect(textById(partial, 'continue')).toBe('Continue to Order Desk');
  });
});

describe('focus', () => {
  it.each([
    ['login', 'username'],
    ['login-hint', 'password'],
    ['login-again', 'password'],
    ['login-refused', 'problem'],
    ['login-wait', 'problem'],
    ['password', undefined],
    ['password-required', undefined],
    ['password-refused', 'problem'],
    ['consent', undefined],
    ['consent-partial', undefined],
    ['error-directory', undefined],
  ])('%s begins at %s', (name, id) => {
    const page = samplePages()[name] ?? '';
    const focused = [...page.matchAll(/<[^>]*\sautofocus[^>]*>/g)].flatMap(([tag]) => attributeValues(tag, 'id'));
    expect(focused).toEqual(id === undefined ? [] : [id]);
  });
});
