/**
 * The way of an authorization request from page to page: opened, parsed anew against what is registered now, and taken to
 * the dispatcher with what is known of the browser. Asking the directory is part of it: it is the dispatcher's own wish.
 */

import { DirectoryUnavailable, type DirectoryUser } from '../directory/directory.ts';
import { type ConsentRules, type Verification, verifyConsent } from '../directory/verify-consent.ts';
import { departureOf } from '../http/departure.ts';
import { nextStep, type Progress, type SignedIn, type Step } from '../interaction/next-step.ts';
import {
  type Interaction,
  openInteraction,
  readingOf,
  type SignedInPage,
  sealedOf,
} from '../interaction/sealed-request.ts';
import { type AuthorizationRequest, parseAuthorizationRequest } from '../protocol/authorization-request.ts';
import { claimsByName, claimsOfScope, type NamedClaim } from '../protocol/claims.ts';
import { pageError } from '../protocol/errors.ts';
import type { ParameterReading } from '../protocol/parameters.ts';
import { gives } from '../protocol/response-type.ts';
import { type EpochSeconds, epochSeconds } from '../protocol/time.ts';
import type { ClientRegistration } from '../registry/registration.ts';
import type { Registered, Snapshot } from '../registry/snapshot.ts';
import type { Remembered } from '../store/consents.ts';
import type { BrowserState, Session } from '../store/sessions.ts';
import { stepOf } from '../telemetry/tracing.ts';
import { audiencesOf } from '../tokens/access-token.ts';
import type { FlowPorts } from './flow.ts';
import type { Visit } from './visit.ts';

/** An authorization request that is going on. */
export interface Going {
  readonly interaction: Interaction;
  readonly request: AuthorizationRequest;
  readonly client: Registered<ClientRegistration>;
}

/** Somebody signs in for a page of ours: there is no client, and nothing to decide but who they are. */
export interface PageSignIn {
  readonly interaction: Interaction;
  readonly page: SignedInPage;
  readonly request?: undefined;
  readonly client?: undefined;
}

/** @throws ProtocolError see {@link parseAuthorizationRequest} */
export function parse(visit: Visit, reading: ParameterReading): Omit<Going, 'interaction'> {
  const { snapshot, server } = visit;
  const { request, client } = parseAuthorizationRequest(
    reading,
    (id) => snapshot.client(id)?.value,
    server.issuer,
    (asking, scopes) => audiencesWithin(snapshot, asking, scopes),
  );
  const registered = snapshot.client(client.client_id);
  if (registered === undefined) throw pageError('invalid_client', 'the client is not known');
  return { request, client: registered };
}

export type Reopened =
  | { readonly outcome: 'open'; readonly going: Going }
  | { readonly outcome: 'page'; readonly going: PageSignIn }
  | { readonly outcome: 'expired'; readonly interaction: Interaction };

/**
 * @param text what a form or a URL of ours carried.
 * @throws ProtocolError `invalid_request` for what does not open beside this browser's cookie, `request_expired` for what is
 *   older than a sealed request may be
 */
export function reopen(ports: FlowPorts, visit: Visit, sealed: Buffer | null, browser: string): Reopened {
  const opened =
    sealed === null
      ? ({ outcome: 'unreadable' } as const)
      : openInteraction(ports.sealer, sealed, browser, ports.clock.now());
  if (opened.outcome === 'unreadable') {
    throw pageError('invalid_request', 'the request does not belong to this browser');
  }
  // Nobody made a mistake: the page was left open for days.
  if (opened.outcome === 'forgotten') throw pageError('request_expired', 'the page was open for too long');
  const { interaction } = opened;
  if (opened.outcome === 'expired') return { outcome: 'expired', interaction };
  if (interaction.page !== undefined) return { outcome: 'page', going: { interaction, page: interaction.page } };
  const parsed = parse(visit, readingOf(interaction));
  const { uid } = parsed.client.owner;
  // What was shown and clicked was about another client then: it begins anew.
  if (interaction.client !== undefined && interaction.client !== uid) return { outcome: 'expired', interaction };
  return { outcome: 'open', going: { interaction: { ...interaction, client: uid }, ...parsed } };
}

export function reopenText(ports: FlowPorts, visit: Visit, text: string | undefined, browser: string): Reopened {
  return reopen(ports, visit, text === undefined ? null : sealedOf(text), browser);
}

/** Nothing is known: the browser sent no session. Costs no statement. */
export const stranger: BrowserState = { session: null, consented: null, request: null, answered: false };

/** What is known of the browser, for the request that is going on. */
export async function stateOf(ports: FlowPorts, visit: Visit, going: Going): Promise<BrowserState> {
  const { handle, browser } = visit;
  if (handle === undefined || browser === undefined) return stranger;
  const { grantId } = going.interaction;
  return believed(visit, await ports.sessions.read({ handle, browser, clientUid: going.client.owner.uid, grantId }));
}

/** A session of a directory that is not registered now can be verified by nobody: its user has to sign in elsewhere. */
export function believed(visit: Visit, state: BrowserState): BrowserState {
  const registered = state.session === null || visit.snapshot.directory(state.session.directory) !== undefined;
  return registered ? state : { ...state, session: null, consented: null };
}

/** Who is signed in, with what is needed to ask the directory about them. */
export type SessionFacts = Pick<Session, 'id' | 'subject' | 'directory' | 'entryId' | 'authTime'>;

/** An entry that was read a moment ago, by the sign-in of this very request. */
export interface FreshEntry {
  readonly user: DirectoryUser;
  readonly askedAt: EpochSeconds;
}

export type Decision =
  | Exclude<Step, { readonly step: 'verify_consent' }>
  /** Nothing is decided and nothing may be issued. */
  | { readonly step: 'unavailable'; readonly error: DirectoryUnavailable };

export interface Known {
  readonly session: SessionFacts | null;
  readonly consented: Remembered | null;
  readonly progress: Progress;
  readonly fresh?: FreshEntry;
}

/** Asks the dispatcher, and the directory as often as the dispatcher wants: once, or again if the proof has gone stale. */
export async function decide(ports: FlowPorts, visit: Visit, going: Going, known: Known): Promise<Decision> {
  try {
    return await walk(ports, visit, going, known);
  } catch (error) {
    if (error instanceof DirectoryUnavailable) return { step: 'unavailable', error };
    throw error;
  }
}

async function walk(ports: FlowPorts, visit: Visit, going: Going, known: Known): Promise<Decision> {
  const { session, fresh } = known;
  const { request, client } = going;
  const named = namedClaims(visit, going);
  let verification =
    fresh === undefined ? undefined : stepOf(ports.tracing, 'consent.verify', () => verify(visit, going, named, fresh));
  for (let round = 0; ; round++) {
    const step = nextStep({
      grantId: going.interaction.grantId,
      request,
      client: client.value,
      scopesToAllow: scopesToAllow(visit, request.scopes),
      claimsToAllow: claimsAgreed(visit, going),
      session: session === null ? null : signedIn(session),
      isMeant: session !== null && isMeant(ports, going, session),
      progress: known.progress,
      consented: known.consented === null ? null : withBuiltInClaims(known.consented),
      verification,
      now: ports.clock.now(),
    });
    if (step.step !== 'verify_consent') return step;
    if (session === null || round === 2) throw new DirectoryUnavailable('', 'its answers do not stay fresh');
    verification = await stepOf(ports.tracing, 'consent.verify', () => ask(ports, visit, going, named, session));
  }
}

async function ask(
  ports: FlowPorts,
  visit: Visit,
  going: Going,
  named: readonly NamedClaim[],
  session: SessionFacts,
): Promise<Verification> {
  // Before the question goes out: an answer is at least as old as that.
  const askedAt = ports.clock.now();
  const { directory, entryId } = session;
  const rules = rulesOf(visit, directory);
  const user = await ports.directory.lookup({ directory, entryId }, departureOf(visit.reply));
  return judge(going, named, rules, user, askedAt);
}

/** A directory that is not registered now has not said that anybody left: it could not be asked. */
export function rulesOf(visit: Visit, directory: string): ConsentRules {
  const rules = visit.snapshot.directory(directory)?.value;
  if (rules === undefined) throw new DirectoryUnavailable(directory, 'it is not registered');
  return rules;
}

function verify(visit: Visit, going: Going, named: readonly NamedClaim[], { user, askedAt }: FreshEntry): Verification {
  return judge(going, named, rulesOf(visit, user.directory), user, askedAt);
}

function judge(
  { interaction, request, client }: Going,
  named: readonly NamedClaim[],
  rules: ConsentRules,
  user: DirectoryUser | null,
  askedAt: EpochSeconds,
): Verification {
  return verifyConsent(user, rules, {
    grantId: interaction.grantId,
    clientId: client.value.client_id,
    accessGroups: client.value.access_groups,
    onRefusedScope: client.value.consent.on_refused_scope,
    scopes: request.scopes,
    // An ID token was asked for, and without `openid` there is none.
    needed: gives(request.responseType, 'id_token') ? ['openid'] : [],
    claims: named,
    askedAt,
  });
}

function signedIn({ id, subject, authTime }: SessionFacts): SignedIn {
  return { id, subject, authTime: epochSeconds(authTime) };
}

/** `sub` with a value, or the hint: whoever it is about must be who answers (OpenID Connect Core §3.1.2.2). */
function isMeant(ports: FlowPorts, { interaction, request, client }: Going, session: SessionFacts): boolean {
  const { hinted } = interaction;
  if (hinted === undefined && request.subjects === undefined) return true;
  const subject = ports.subjectOf(client.value, session.subject);
  return (hinted ?? subject) === subject && (request.subjects?.includes(subject) ?? true);
}

/** Claims by name that this client may have. */
export function namedClaims(
  visit: Visit,
  { request, client }: Pick<Going, 'request' | 'client'>,
): readonly NamedClaim[] {
  return claimsByName(request.asked, client.value.scopes, (scope) => visit.snapshot.scope(scope)?.value.claims);
}

/** Those that come with none of the requested scopes, nor with one that nobody needs to be asked about. */
export function claimsToAllow(
  visit: Visit,
  scopes: readonly string[],
  named: readonly NamedClaim[],
): readonly string[] {
  return named
    .filter((claim) => !claim.scopes.some((scope) => scopes.includes(scope) || isImplicit(visit, scope)))
    .map(({ name }) => name);
}

/**
 * What a yes is a yes to, beside the scopes: claims by name, and those that come with the scopes as their owners say now. An
 * owner who says more tomorrow was not allowed that today.
 */
export function claimsAgreed(visit: Visit, { request, client }: Pick<Going, 'request' | 'client'>): readonly string[] {
  const named = claimsToAllow(visit, request.scopes, namedClaims(visit, { request, client }));
  return [...new Set([...named, ...claimsOfOwners(visit, scopesToAllow(visit, request.scopes))])];
}

/** Claims of scopes that somebody declared. */
export function claimsOfOwners({ snapshot }: Visit, scopes: readonly string[]): readonly string[] {
  return scopes.flatMap((scope) => snapshot.scope(scope)?.value.claims ?? []);
}

/** What a built-in scope stands for is always the same. */
function withBuiltInClaims({ scopes, claims }: Remembered): Remembered {
  return { scopes, claims: [...claims, ...scopes.flatMap((scope) => claimsOfScope(scope, undefined))] };
}

/** What a token of these scopes can be for. */
export function audiencesWithin(
  snapshot: Snapshot,
  client: ClientRegistration,
  scopes: readonly string[],
): readonly string[] {
  return audiencesOf(
    client,
    scopes.flatMap((scope) => snapshot.scope(scope)?.value.audiences ?? []),
  );
}

function isImplicit(visit: Visit, scope: string): boolean {
  return visit.snapshot.scope(scope)?.value.consent === 'implicit';
}

/** All but those whose owner says that nobody needs to be asked. */
export function scopesToAllow(visit: Visit, scopes: readonly string[]): readonly string[] {
  return scopes.filter((scope) => !isImplicit(visit, scope));
}
