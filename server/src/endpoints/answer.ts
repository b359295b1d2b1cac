/** The answer to an authorization request, as rows: the code (or a row born spent), the remembered yes, the audit event. */
import { knownClaims } from '../directory/directory.ts';
import { mayRemember } from '../interaction/next-step.ts';
import { type Answer, sealAnswer, sealedLifetime } from '../interaction/sealed-request.ts';
import { release } from '../protocol/claims.ts';
import { authorizationResponse, errorResponse } from '../protocol/redirect-uri.ts';
import { remainingTargets } from '../protocol/resources.ts';
import { gives, isFrontChannel } from '../protocol/response-type.ts';
import type { Consent } from '../store/consents.ts';
import type { NewCode } from '../store/new-code.ts';
import type { Session } from '../store/sessions.ts';
import { type AuditEvent, auditedClient } from '../telemetry/audit.ts';
import { sealNonce } from '../tokens/code-nonce.ts';
import { newHandle } from '../tokens/handle.ts';
import type { FrontChannelTokens } from '../tokens/issue.ts';
import { grantLifetime } from '../tokens/lifetimes.ts';
import { audited, type FlowPorts } from './flow.ts';
import { frontChannelTokens, grantWith, opaqueTokenOf } from './front-channel.ts';
import { audiencesWithin, claimsAgreed, type Decision, type Going, type PageSignIn } from './interaction.ts';
import type { Visit } from './visit.ts';

export type Issue = Extract<Decision, { readonly step: 'issue' }>;
export type Refuse = Extract<Decision, { readonly step: 'refuse' }>;

/** Whose answer it is. `authTime` left out: the sign-in is part of the same statement. */
export type Answerer = Omit<Session, 'claims' | 'name' | 'authTime'> & { readonly authTime?: number };

export interface PreparedAnswer {
  readonly answer: Answer;
  readonly code: NewCode;
  readonly consent?: Consent;
  readonly audit: AuditEvent;
  /** Those in the response. */
  readonly tokens?: FrontChannelTokens;
}

/**
 * Tokens that travel with the answer are signed here, before the statement that makes them worth anything.
 *
 * @param answerer with `authTime` where the answer holds an ID token.
 * @param browser the answer is kept for this one, because a form or a page leads to it; left out: nothing to repeat.
 */
export async function issuedAnswer(
  ports: FlowPorts,
  visit: Visit,
  going: Going,
  { consent, basis }: Issue,
  answerer: Answerer,
  browser?: string,
): Promise<PreparedAnswer> {
  const { request, interaction, client } = going;
  const code = newHandle();
  const refused = consent.refused.map(({ scope }) => scope);
  const unread = refused.some((scope) => !(interaction.told ?? []).includes(scope));
  const released = release(
    consent,
    request.asked,
    (scope) => visit.snapshot.scope(scope)?.value.claims,
    knownClaims(consent.user),
  );
  const { claims, idTokenClaims, asked } = released;
  const targets = targetsOf(visit, going, consent.scopes);
  const sent = gives(request.responseType, 'code') ? code : undefined;
  const accessToken = opaqueTokenOf(visit, going, answerer);
  const given = { ...released, scopes: consent.scopes, resources: targets.resources, accessToken };
  const tokens = await frontChannelTokens(ports, going, given, answerer, sent);
  const response = authorizationResponse(request.redirect, { code: sent, ...tokens });
  const answer: Answer = { kind: unread ? 'partial' : 'issued', response, refused, interaction };
  const remembers = basis === 'clicked' && mayRemember(client.value, request);
  return {
    answer,
    code: {
      ...row(ports, visit, going, answerer, answer, browser),
      code,
      ...(request.nonce === undefined ? {} : { nonce: sealNonce(code, request.nonce) }),
      outcome: 'issued',
      scopes: consent.scopes,
      offline: consent.scopes.includes('offline_access'),
      claims,
      idTokenClaims,
      ...(asked === null ? {} : { asked }),
      agreed: claimsAgreed(visit, going),
      remembered: basis === 'remembered',
      ...targets,
      ...grantWith(visit, going),
      accessToken,
    },
    ...(remembers ? { consent: rememberedConsent(visit, going, answerer) } : {}),
    audit: audited({
      ...facts(visit, going, answerer),
      event: basis === 'clicked' ? 'consent.given' : 'consent.verified',
      outcome: 'success',
      ...(basis === 'clicked' ? {} : { reason: basis }),
      directoryServer: consent.user.server,
      ...(consent.rules.length === 0 ? {} : { rule: consent.rules.join(', ') }),
      scopes: consent.scopes,
      ...(refused.length === 0 ? {} : { scopesRefused: refused }),
      ...(isFrontChannel(request.responseType) ? { grantType: 'implicit' } : {}),
    }),
    tokens,
  };
}

/** Told to the client at once; what the directory refuses is told to the user first. */
const refusals: Readonly<Partial<Record<Refuse['reason'], string>>> = {
  denied_by_user: 'the user did not allow it',
  another_user: 'somebody else signed in',
};

/** The user's No, or the directory's: a row born spent, so that the same form gets no second answer. */
export function refusedAnswer(
  ports: FlowPorts,
  visit: Visit,
  going: Going,
  { error, reason, refused }: Refuse,
  answerer: Answerer,
  browser?: string,
): PreparedAnswer {
  const denied = reason === 'denied_by_user';
  const scopes = refused.map(({ scope }) => scope);
  const description = refusals[reason] ?? 'the directory does not allow it';
  const response = errorResponse(going.request.redirect, error, description);
  const answer: Answer = {
    kind: reason in refusals ? 'denied' : 'refused',
    response,
    refused: scopes.length === 0 ? going.request.scopes : scopes,
    interaction: going.interaction,
  };
  const rules = [...new Set(refused.flatMap((one) => one.rules))];
  return {
    answer,
    code: {
      ...row(ports, visit, going, answerer, answer, browser),
      code: newHandle(),
      outcome: denied ? 'denied' : 'refused',
      scopes: [],
      offline: false,
      claims: {},
      keep: sealedLifetime,
    },
    audit: audited({
      ...facts(visit, going, answerer),
      event: denied ? 'consent.denied' : 'consent.verified',
      outcome: 'refused',
      reason,
      ...(rules.length === 0 ? {} : { rule: rules.join(', ') }),
      scopesRefused: answer.refused,
    }),
  };
}

/** The directory could not be asked: nothing changes, so this is a line of the log alone. */
export function unavailableEvent(visit: Visit, going: Going, directory: string): AuditEvent {
  return audited({
    event: 'consent.verified',
    outcome: 'failure',
    reason: 'directory_unavailable',
    requestId: visit.request.id,
    clientAddress: visit.source.address,
    directory,
    ...auditedClient(going.client.value, going.client.owner.uid, going.client.allowedBy),
    grantId: going.interaction.grantId,
    scopes: going.request.scopes,
  });
}

/** What every event of this request says; a sign-in for a page of ours knows no client. */
export function facts(
  visit: Visit,
  { client, interaction, request }: Going | PageSignIn,
  answerer: Answerer,
): Omit<AuditEvent, 'event' | 'outcome'> {
  return {
    requestId: visit.request.id,
    clientAddress: visit.source.address,
    userId: answerer.subject,
    userName: answerer.username,
    directory: answerer.directory,
    ...(client === undefined
      ? {}
      : {
          ...auditedClient(client.value, client.owner.uid, client.allowedBy),
          grantId: interaction.grantId,
          scopes: request.scopes,
        }),
    sessionId: answerer.id,
  };
}

function row(
  ports: FlowPorts,
  visit: Visit,
  { request, client, interaction }: Going,
  answerer: Answerer,
  answer: Answer,
  browser: string | undefined,
): Omit<NewCode, 'code' | 'outcome' | 'scopes' | 'offline' | 'claims'> {
  const lifetime = visit.server.lifetimes.authorization_code;
  return {
    grantId: interaction.grantId,
    clientId: client.value.client_id,
    clientUid: client.owner.uid,
    redirectUri: request.redirect.uri,
    challenge: request.codeChallenge,
    sessionId: answerer.id,
    subject: answerer.subject,
    directory: answerer.directory,
    entryId: answerer.entryId,
    username: answerer.username,
    ...(answerer.authTime === undefined ? {} : { authTime: answerer.authTime }),
    ...(browser === undefined ? {} : { answer: sealAnswer(ports.sealer, answer, browser) }),
    lifetime,
    keep: lifetime + grantLifetime(client.value, visit.server),
  };
}

/** A resource whose scopes were all refused is no audience any more. */
function targetsOf(
  visit: Visit,
  { client, request }: Going,
  scopes: readonly string[],
): Pick<NewCode, 'resources' | 'audiences'> {
  const all = audiencesWithin(visit.snapshot, client.value, scopes);
  const audiences = remainingTargets(all, request.resources) ?? [];
  return { audiences, ...(request.resources === undefined ? {} : { resources: audiences }) };
}

function rememberedConsent(visit: Visit, going: Going, answerer: Answerer): Consent {
  const { client, request } = going;
  return {
    subject: answerer.subject,
    clientId: client.value.client_id,
    clientUid: client.owner.uid,
    scopes: request.scopes,
    claims: claimsAgreed(visit, going),
    rememberFor: client.value.consent.remember_for,
  };
}
