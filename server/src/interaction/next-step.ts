/**
 * PURE. What the browser does next: the one place that decides it. Every page posts and returns here, and `issue` cannot be
 * built without the directory's {@link VerifiedConsent} for this very request.
 */
import type { Verification, VerifiedConsent } from '../directory/verify-consent.ts';
import type { AuthorizationRequest } from '../protocol/authorization-request.ts';
import type { ErrorCode } from '../protocol/errors.ts';
import { isPrivateUseUri } from '../protocol/redirect-uri.ts';
import { isWithin } from '../protocol/scope.ts';
import type { EpochSeconds } from '../protocol/time.ts';
import type { ClientRegistration } from '../registry/registration.ts';

/** How long ago the directory may have been asked, in seconds. */
export const verificationHolds = 10;

export interface SignedIn {
  readonly id: string;
  readonly subject: string;
  readonly authTime: EpochSeconds;
}

/** What has happened in this interaction already. */
export interface Progress {
  /** Session in which the user signed in during this very interaction. */
  readonly signedIn?: string | undefined;
  /** The user asked for another account. */
  readonly switching?: boolean | undefined;
  /** Session that the user chose to go on with. */
  readonly chosen?: string | undefined;
  /** The user's click on the consent page, and when. */
  readonly decision?: { readonly answer: 'allow' | 'deny'; readonly at: EpochSeconds } | undefined;
}

export interface Situation {
  readonly grantId: string;
  readonly request: AuthorizationRequest;
  readonly client: Pick<ClientRegistration, 'client_id' | 'consent' | 'token_endpoint_auth_method'>;
  /** Scopes of the request that need a yes: all but those whose registration says `implicit`. */
  readonly scopesToAllow: readonly string[];
  /** Claims that need a yes: those by name that no requested scope stands for, and what owners of scopes say comes with them. */
  readonly claimsToAllow: readonly string[];
  readonly session: SignedIn | null;
  readonly progress: Progress;
  /** Whether this is somebody whom the request is about; `id_token_hint` and `sub` can say so. */
  readonly isMeant: boolean;
  /** What the session's user allowed this client before, the claims of scopes included; `null`: nothing is remembered. */
  readonly consented: { readonly scopes: readonly string[]; readonly claims: readonly string[] } | null;
  /** The directory's answer, once it was asked. */
  readonly verification: Verification | undefined;
  readonly now: EpochSeconds;
}

/** Where the yes came from. */
export type Basis = 'clicked' | 'remembered' | 'implicit';

export type RefusalReason =
  | 'prompt_none'
  | 'another_user'
  | 'denied_by_user'
  | Extract<Verification, { readonly outcome: 'refused' }>['reason'];

/** `another_account`: the user asked for it; `another_user`: the request is about somebody else. */
export type LoginReason = 'no_session' | 'another_account' | 'another_user' | 'prompt' | 'max_age';

export type Step =
  | { readonly step: 'login'; readonly reason: LoginReason }
  | { readonly step: 'choose_account'; readonly session: SignedIn }
  | { readonly step: 'consent'; readonly session: SignedIn }
  | { readonly step: 'verify_consent'; readonly basis: Basis; readonly session: SignedIn }
  | {
      readonly step: 'issue';
      readonly consent: VerifiedConsent;
      readonly basis: Basis;
      readonly session: SignedIn;
    }
  | {
      readonly step: 'refuse';
      readonly error: ErrorCode;
      readonly reason: RefusalReason;
      /** Scopes that the directory refused, with the rules that said so. */
      readonly refused: Extract<Verification, { readonly outcome: 'refused' }>['refused'];
    };

export function nextStep(situation: Situation): Step {
  const silent = situation.request.prompts.includes('none');
  const { session, progress } = situation;
  const login = (reason: LoginReason): Step =>
    silent ? refuse('login_required', 'prompt_none') : { step: 'login', reason };
  if (progress.switching === true) return login('another_account');
  if (session === null) return login('no_session');
  const justNow = progress.signedIn === session.id;
  if (!situation.isMeant) {
    // Once in an interaction is enough: whoever signed in now is not the one whom the client asks about.
    return justNow ? refuse('login_required', 'another_user') : login('another_user');
  }
  if (!justNow) {
    if (hasToChoose(situation, session)) return { step: 'choose_account', session };
    const reason = reasonToSignInAgain(situation, session);
    if (reason !== null) return login(reason);
  }
  if (progress.decision?.answer === 'deny') return refuse('access_denied', 'denied_by_user');
  const basis = basisOf(situation);
  if (basis === null) return silent ? refuse('consent_required', 'prompt_none') : { step: 'consent', session };
  return judge(situation, session, basis);
}

function refuse(error: ErrorCode, reason: RefusalReason): Step {
  return { step: 'refuse', error, reason, refused: [] };
}

/** A browser has one session: to choose is to go on with it, or to sign in as somebody else. */
function hasToChoose({ request, progress }: Situation, session: SignedIn): boolean {
  return request.prompts.includes('select_account') && progress.chosen !== session.id;
}

/** Never asked of a sign-in of this very interaction: a max_age of 0 or prompt=login would otherwise ask for ever. */
function reasonToSignInAgain({ request, now }: Situation, session: SignedIn): 'prompt' | 'max_age' | null {
  if (request.prompts.includes('login')) return 'prompt';
  const { maxAge } = request;
  if (maxAge === undefined) return null;
  // OpenID Connect Core §3.1.2.1: a max_age of 0 is the same as prompt=login, also within one second.
  return maxAge === 0 || now - session.authTime > maxAge ? 'max_age' : null;
}

/** `null`: the user has to be asked. */
function basisOf(situation: Situation): Basis | null {
  const { client, request, progress, consented, scopesToAllow, claimsToAllow } = situation;
  if (progress.decision?.answer === 'allow') return 'clicked';
  if (request.prompts.includes('consent')) return null;
  // Any app on a device can claim a private-use scheme, and a public client proves nothing: only a click tells the
  // user's own app from another (RFC 8252 §8.6).
  if (client.token_endpoint_auth_method === 'none' && isPrivateUseUri(request.redirect.uri)) return null;
  switch (client.consent.mode) {
    case 'implicit':
      return 'implicit';
    case 'always':
      return null;
    case 'remember':
      if (scopesToAllow.length === 0 && claimsToAllow.length === 0) return 'implicit';
      if (consented === null) return null;
      return isWithin(scopesToAllow, consented.scopes) && isWithin(claimsToAllow, consented.claims)
        ? 'remembered'
        : null;
  }
}

function judge({ grantId, client, progress, verification, now }: Situation, session: SignedIn, basis: Basis): Step {
  const ask: Step = { step: 'verify_consent', basis, session };
  if (verification === undefined) return ask;
  if (verification.outcome === 'refused') {
    return { step: 'refuse', error: 'access_denied', reason: verification.reason, refused: verification.refused };
  }
  const { consent } = verification;
  const asked = { grantId, clientId: client.client_id, subject: session.subject, clickedAt: progress.decision?.at };
  return holds(consent, asked, now) ? { step: 'issue', consent, basis, session } : ask;
}

/** What a proof has to be for. */
export interface Proven {
  readonly grantId: string;
  readonly clientId: string;
  readonly subject: string;
  /** `undefined`: nobody was asked. */
  readonly clickedAt: EpochSeconds | undefined;
}

/** A proof made for another request, client or user is none; neither is an old one, nor one from before the click. */
export function holds(
  consent: VerifiedConsent,
  { grantId, clientId, subject, clickedAt }: Proven,
  now: EpochSeconds,
): boolean {
  if (consent.grantId !== grantId || consent.clientId !== clientId || consent.user.subject !== subject) return false;
  if (now - consent.askedAt > verificationHolds || consent.askedAt > now) return false;
  return clickedAt === undefined || consent.askedAt >= clickedAt;
}

/** Whether this client's yes is kept for the next time. */
export function mayRemember(client: Situation['client'], request: AuthorizationRequest): boolean {
  if (client.consent.mode !== 'remember') return false;
  return !(client.token_endpoint_auth_method === 'none' && isPrivateUseUri(request.redirect.uri));
}
