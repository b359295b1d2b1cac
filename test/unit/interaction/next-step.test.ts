import { describe, expect, it } from 'vitest';
import type { DirectoryUser } from '../../../server/src/directory/directory.ts';
import { type Verification, verifyConsent } from '../../../server/src/directory/verify-consent.ts';
import { mayRemember, nextStep, type Situation, type Step } from '../../../server/src/interaction/next-step.ts';
import { parseAuthorizationRequest } from '../../../server/src/protocol/authorization-request.ts';
import { epochSeconds } from '../../../server/src/protocol/time.ts';
import type { ClientRegistration } from '../../../server/src/registry/registration.ts';
import { aClient } from '../../support/builders.ts';

const now = epochSeconds(1_800_000_000);
const at = (offset: number) => epochSeconds(now + offset);

const user: DirectoryUser = {
  directory: 'corp/ldap',
  server: 'ldaps://ldap.example.com',
  subject: 'u_ada',
  entryId: 'e-ada',
  username: 'ada',
  name: 'Ada',
  account: 'active',
  groups: [],
  claims: {},
  rulesMatchedByFilter: [],
};

/** The directory's yes, or no, for these scopes. */
function verified(
  more: Partial<{ askedAt: number; grantId: string; clientId: string; user: DirectoryUser | null }> = {},
): Verification {
  return verifyConsent(
    more.user === undefined ? user : more.user,
    { consent_rules: [], unlisted_scopes: 'allow', vendor: 'openldap' },
    {
      grantId: more.grantId ?? 'g',
      clientId: more.clientId ?? 'shop.web',
      accessGroups: [],
      onRefusedScope: 'drop',
      scopes: ['openid'],
      askedAt: at(more.askedAt ?? 0),
    },
  );
}

interface Case {
  readonly client?: Partial<ClientRegistration>;
  readonly query?: Readonly<Record<string, string>>;
  readonly situation?: Partial<Situation>;
}

function situation({ client = {}, query = {}, situation: more = {} }: Case = {}): Situation {
  const registration = aClient().with(client).build();
  const parameters = new Map(
    Object.entries({
      client_id: registration.client_id,
      redirect_uri: registration.redirect_uris[0] ?? '',
      response_type: 'code',
      scope: 'openid',
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
      ...query,
    }),
  );
  const { request } = parseAuthorizationRequest({ parameters, problem: undefined }, () => registration, 'https://id');
  return {
    grantId: 'g',
    request,
    client: registration,
    scopesToAllow: request.scopes,
    claimsToAllow: [],
    isMeant: true,
    session: { id: 's', subject: 'u_ada', authTime: at(-60) },
    progress: {},
    consented: null,
    verification: undefined,
    now,
    ...more,
  };
}

const brief = (step: Step): string =>
  step.step === 'refuse'
    ? `refuse ${step.error}`
    : step.step === 'login'
      ? `login ${step.reason}`
      : step.step === 'verify_consent' || step.step === 'issue'
        ? `${step.step} ${step.basis}`
        : step.step;

const allow = { decision: { answer: 'allow', at: now } } as const;
const deny = { decision: { answer: 'deny', at: now } } as const;
const nobody = { session: null };
const remembered = { consented: { scopes: ['openid'], claims: [] } };
const chosen = { prompt: 'select_account' };
const somebodyElse = { isMeant: false };
const none = { prompt: 'none' };
const implicit = { client: { consent: { mode: 'implicit', remember_for: 1, on_refused_scope: 'drop' } } } as const;
const always = { client: { consent: { mode: 'always', remember_for: 1, on_refused_scope: 'drop' } } } as const;
const nativeApp: Partial<ClientRegistration> = {
  redirect_uris: ['com.example.app:/cb'],
  token_endpoint_auth_method: 'none',
  client_secret_digests: [],
};

describe('next step', () => {
  const table: readonly [string, Case, string][] = [
    ['nobody is signed in', { situation: nobody }, 'login no_session'],
    ['prompt=none, nobody', { query: none, situation: nobody }, 'refuse login_required'],
    ['signed in, nothing remembered', {}, 'consent'],
    ['prompt=none, nothing remembered', { query: none }, 'refuse consent_required'],
    ['remembered', { situation: remembered }, 'verify_consent remembered'],
    ['remembered, prompt=none', { query: none, situation: remembered }, 'verify_consent remembered'],
    ['remembered, but it wants more', { query: { scope: 'openid profile' }, situation: remembered }, 'consent'],
    ['remembered, but mode always', { ...always, situation: remembered }, 'consent'],
    ['remembered, but prompt=consent', { query: { prompt: 'consent' }, situation: remembered }, 'consent'],
    ['implicit', implicit, 'verify_consent implicit'],
    ['implicit, but prompt=consent', { ...implicit, query: { prompt: 'consent' } }, 'consent'],
    ['a claim by name was not allowed yet', { situation: { ...remembered, claimsToAllow: ['email'] } }, 'consent'],
    [
      'a claim by name that was not allowed yet, prompt=none',
      { query: none, situation: { ...remembered, claimsToAllow: ['email'] } },
      'refuse consent_required',
    ],
    [
      'a claim by name, remembered',
      { situation: { consented: { scopes: ['openid'], claims: ['email'] }, claimsToAllow: ['email'] } },
      'verify_consent remembered',
    ],
    ['a claim by name, implicit', { ...implicit, situation: { claimsToAllow: ['email'] } }, 'verify_consent implicit'],
    [
      'every scope is implicit, but not a claim by name',
      { situation: { scopesToAllow: [], claimsToAllow: ['email'] } },
      'consent',
    ],
    ['every scope is implicit', { situation: { scopesToAllow: [] } }, 'verify_consent implicit'],
    ['every scope is implicit, but mode always', { ...always, situation: { scopesToAllow: [] } }, 'consent'],
    ['prompt=login', { query: { prompt: 'login' }, situation: remembered }, 'login prompt'],
    [
      'prompt=login, signed in during this request',
      { query: { prompt: 'login' }, situation: { ...remembered, progress: { signedIn: 's' } } },
      'verify_consent remembered',
    ],
    [
      'prompt=login, signed in during this request in a session that is gone',
      { query: { prompt: 'login' }, situation: { ...remembered, progress: { signedIn: 'other' } } },
      'login prompt',
    ],
    ['max_age not over', { query: { max_age: '60' }, situation: remembered }, 'verify_consent remembered'],
    ['max_age over', { query: { max_age: '59' }, situation: remembered }, 'login max_age'],
    ['max_age over, prompt=none', { query: { max_age: '59', ...none } }, 'refuse login_required'],
    [
      'max_age=0 after the sign-in',
      { query: { max_age: '0' }, situation: { ...remembered, progress: { signedIn: 's' } } },
      'verify_consent remembered',
    ],
    [
      'OIDC Core §3.1.2.1: max_age=0 is prompt=login, also within the second of the sign-in',
      { query: { max_age: '0' }, situation: { ...remembered, session: { id: 's', subject: 'u_ada', authTime: now } } },
      'login max_age',
    ],
    ['max_age=0, prompt=none', { query: { max_age: '0', ...none }, situation: remembered }, 'refuse login_required'],
    ['select_account, nobody is signed in', { query: chosen, situation: nobody }, 'login no_session'],
    ['select_account', { query: chosen, situation: remembered }, 'choose_account'],
    [
      'select_account, chosen',
      { query: chosen, situation: { ...remembered, progress: { chosen: 's' } } },
      'verify_consent remembered',
    ],
    [
      'select_account, another session was chosen',
      { query: chosen, situation: { ...remembered, progress: { chosen: 'other' } } },
      'choose_account',
    ],
    [
      'select_account, another account',
      { query: chosen, situation: { ...remembered, progress: { switching: true } } },
      'login another_account',
    ],
    [
      'select_account, signed in during this request',
      { query: chosen, situation: { ...remembered, progress: { signedIn: 's' } } },
      'verify_consent remembered',
    ],
    ['select_account login', { query: { prompt: 'select_account login' }, situation: remembered }, 'choose_account'],
    [
      'select_account login, chosen',
      { query: { prompt: 'select_account login' }, situation: { ...remembered, progress: { chosen: 's' } } },
      'login prompt',
    ],
    [
      'select_account consent, chosen',
      { query: { prompt: 'consent select_account' }, situation: { ...remembered, progress: { chosen: 's' } } },
      'consent',
    ],
    [
      'select_account with an elapsed max_age, chosen',
      { query: { ...chosen, max_age: '59' }, situation: { ...remembered, progress: { chosen: 's' } } },
      'login max_age',
    ],
    ['somebody else is meant', { situation: { ...remembered, ...somebodyElse } }, 'login another_user'],
    [
      'somebody else is meant: that account cannot be chosen',
      { query: chosen, situation: { ...remembered, ...somebodyElse } },
      'login another_user',
    ],
    [
      'somebody else is meant, prompt=none',
      { query: none, situation: { ...remembered, ...somebodyElse } },
      'refuse login_required',
    ],
    [
      'somebody else is meant than whoever signed in during this request',
      { situation: { ...remembered, ...somebodyElse, progress: { signedIn: 's' } } },
      'refuse login_required',
    ],
    [
      'somebody else is meant: no click helps',
      { situation: { ...somebodyElse, progress: { ...allow, signedIn: 's' }, verification: verified() } },
      'refuse login_required',
    ],
    ['another account', { situation: { ...remembered, progress: { switching: true } } }, 'login another_account'],
    ['denied', { situation: { progress: deny } }, 'refuse access_denied'],
    ['allowed: the directory is asked', { situation: { progress: allow } }, 'verify_consent clicked'],
    ['allowed and verified', { situation: { progress: allow, verification: verified() } }, 'issue clicked'],
    [
      'allowed, but the directory was asked before the click',
      { situation: { progress: allow, verification: verified({ askedAt: -1 }) } },
      'verify_consent clicked',
    ],
    [
      'remembered, asked ten seconds ago',
      { situation: { ...remembered, verification: verified({ askedAt: -10 }) } },
      'issue remembered',
    ],
    [
      'remembered, asked eleven seconds ago',
      { situation: { ...remembered, verification: verified({ askedAt: -11 }) } },
      'verify_consent remembered',
    ],
    [
      'asked in the future',
      { situation: { ...remembered, verification: verified({ askedAt: 1 }) } },
      'verify_consent remembered',
    ],
    [
      "another request's proof",
      { situation: { ...remembered, verification: verified({ grantId: 'other' }) } },
      'verify_consent remembered',
    ],
    [
      "another client's proof",
      { situation: { ...remembered, verification: verified({ clientId: 'other' }) } },
      'verify_consent remembered',
    ],
    [
      "another user's proof",
      { situation: { ...remembered, verification: verified({ user: { ...user, subject: 'u_eve' } }) } },
      'verify_consent remembered',
    ],
    [
      'the account is gone',
      { situation: { ...remembered, verification: verified({ user: null }) } },
      'refuse access_denied',
    ],
    [
      'the account is gone, prompt=none',
      { query: none, situation: { ...remembered, verification: verified({ user: null }) } },
      'refuse access_denied',
    ],
    [
      'the account is locked after the click',
      { situation: { progress: allow, verification: verified({ user: { ...user, account: 'locked' } }) } },
      'refuse access_denied',
    ],
    [
      'a public client with a private-use scheme is always asked',
      { client: nativeApp, situation: remembered },
      'consent',
    ],
    [
      'a public client with a private-use scheme is never silent',
      { client: nativeApp, query: none, situation: remembered },
      'refuse consent_required',
    ],
    [
      'a public client with a private-use scheme, clicked',
      { client: nativeApp, situation: { progress: allow } },
      'verify_consent clicked',
    ],
  ];
  it.each(table)('%s', (_title, given, expected) => {
    expect(brief(nextStep(situation(given)))).toBe(expected);
  });

  it('nothing is issued without a verification, whatever else is true', () => {
    for (const client of [implicit.client, always.client, {}]) {
      for (const query of [{}, none, { prompt: 'login' }, { prompt: 'consent' }, { max_age: '0' }, chosen]) {
        for (const progress of [{}, allow, deny, { signedIn: 's' }, { switching: true }, { chosen: 's' }]) {
          const step = nextStep(situation({ client, query, situation: { ...remembered, progress } }));
          expect(step.step).not.toBe('issue');
        }
      }
    }
  });

  it('a yes is remembered in mode remember alone, and never for a public client with a private-use scheme', () => {
    const answers = [{}, implicit.client, always.client, nativeApp].map((client) => {
      const { client: registered, request } = situation({ client });
      return mayRemember(registered, request);
    });
    expect(answers).toEqual([true, false, false, false]);
  });
});
