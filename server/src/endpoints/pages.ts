/** What the views are given: registrations and claims, put into the words of the pages. */
import type { FastifyReply } from 'fastify';
import { mayRemember } from '../interaction/next-step.ts';
import {
  type Answer,
  type Interaction,
  type LoginProblem,
  sealedText,
  sealInteraction,
} from '../interaction/sealed-request.ts';
import type { Session } from '../store/sessions.ts';
import {
  chooseAccountPage,
  consentPage,
  consentPartialPage,
  type Form,
  type LoginInput,
  loginPage,
  placeOf,
} from '../views/index.ts';
import type { FlowPorts } from './flow.ts';
import { claimsAgreed, claimsToAllow, type Going, namedClaims, type PageSignIn } from './interaction.ts';
import { clientText, requestedScope, scopeText } from './texts.ts';
import { inLanguageOf, type OwnPage, pathOf, sendErrorPage, sendPage, type Visit } from './visit.ts';

/** The name of the hidden field and of the query parameter that carry a request. */
export const requestField = 'request';
export const tokenField = 'token';
/** What the login page says went wrong, so that it still does in another language. */
export const problemField = 'problem';

/** A target of one of our pages, with a request that travels sealed. */
export function carriesRequest(target: string): boolean {
  return /^[^?]*\/(?:login|password|choose-account|consent|continue|sign-out|signed-out)\?request=/.test(target);
}

export function sealText(ports: FlowPorts, interaction: Interaction, browser: string): string {
  return sealedText(sealInteraction(ports.sealer, interaction, browser));
}

/** A form of ours that goes on with this request. The token is good for this browser and this request alone. */
export function formOf(
  ports: FlowPorts,
  visit: Visit,
  page: OwnPage,
  interaction: Interaction,
  browser: string,
  more: Readonly<Record<string, string>> = {},
): Form {
  const fields = {
    [requestField]: sealText(ports, interaction, browser),
    [tokenField]: ports.formTokens.issue([browser, interaction.grantId]),
    ...more,
  };
  return {
    action: pathOf(visit, page),
    fields: Object.entries(fields).map(([name, value]) => ({ name, value })),
  };
}

export function sendLogin(
  ports: FlowPorts,
  from: Visit,
  { interaction, request, client }: Going | PageSignIn,
  browser: string,
  session: Pick<Session, 'name' | 'username'> | null,
): FastifyReply {
  const visit = inLanguageOf(from, request?.uiLocales);
  const { note, ...rest } = interaction;
  const typed = note?.kind === 'login' ? note : undefined;
  const problem = typed?.problem;
  const known = session === null || interaction.switching === true ? undefined : session;
  const username = typed?.username ?? request?.loginHint;
  return sendPage(
    visit,
    loginPage({
      ...visit.frame,
      form: formOf(ports, visit, 'login', rest, browser, problem === undefined ? {} : { [problemField]: problem }),
      ...(client === undefined ? {} : { client: clientText(visit, client.value), host: placeOf(request.redirect.uri) }),
      page: interaction.page,
      ...(username === undefined ? {} : { username }),
      ...(known === undefined ? {} : { reauthentication: { name: known.name, username: known.username } }),
      ...(problem === undefined ? {} : { problems: [problemOf(problem)] }),
      nobody: visit.snapshot.counts().directory === 0,
    }),
  );
}

const problems: Readonly<Record<Exclude<LoginProblem, 'throttled'>, NonNullable<LoginInput['problems']>[number]>> = {
  username_missing: { code: 'username_missing' },
  password_missing: { code: 'password_missing' },
  credentials: { code: 'credentials_rejected' },
  locked: { code: 'account_unusable' },
  disabled: { code: 'account_disabled' },
  expired: { code: 'account_expired' },
  must_change_password: { code: 'password_expired' },
  password_expired: { code: 'password_expired' },
  outside_hours: { code: 'account_unusable' },
};

function problemOf(problem: LoginProblem): NonNullable<LoginInput['problems']>[number] {
  return problem === 'throttled' ? { code: 'too_many_tries', minutes: 1 } : problems[problem];
}

/** One session, one account. */
export function sendChooseAccount(
  ports: FlowPorts,
  from: Visit,
  { interaction, request, client }: Going,
  browser: string,
  { id, name, username }: Session,
): FastifyReply {
  const visit = inLanguageOf(from, request.uiLocales);
  const { note: _note, ...rest } = interaction;
  return sendPage(
    visit,
    chooseAccountPage({
      ...visit.frame,
      form: formOf(ports, visit, 'choose-account', rest, browser),
      client: clientText(visit, client.value),
      accounts: [{ id, name, username }],
    }),
  );
}

export function sendConsent(
  ports: FlowPorts,
  from: Visit,
  going: Going,
  browser: string,
  session: Session,
): FastifyReply {
  const { interaction, request, client } = going;
  const visit = inLanguageOf(from, request.uiLocales);
  const { note: _note, ...rest } = interaction;
  const claims = claimsToAllow(visit, request.scopes, namedClaims(visit, going));
  const agreed = claimsAgreed(visit, going);
  const shown: Interaction = { ...rest, shown: { session: session.id, scopes: request.scopes, claims: agreed } };
  const { consent, policy_uri, tos_uri } = client.value;
  return sendPage(
    visit,
    consentPage({
      ...visit.frame,
      form: formOf(ports, visit, 'consent', shown, browser),
      client: {
        ...clientText(visit, client.value),
        namespace: client.owner.namespace,
        policyUri: policy_uri,
        tosUri: tos_uri,
      },
      host: placeOf(request.redirect.uri),
      user: { name: session.name, username: session.username },
      scopes: request.scopes.map((scope) => requestedScope(visit, scope, session)),
      claims: claims.map((name) => ({ name, value: session.claims[name] })),
      ...(mayRemember(client.value, request) ? { rememberedUntil: ports.clock.now() + consent.remember_for } : {}),
    }),
  );
}

/** To the response of a request that has one, once what stands before it was read. */
export function readLink(visit: Visit, grantId: string): string {
  return pathOf(visit, 'continue', { [requestField]: grantId, read: '1' });
}

/** The link leads to a page of ours first: a code may run out while somebody reads. */
export function sendPartial(visit: Visit, clientName: string, { refused, interaction }: Answer): FastifyReply {
  return sendPage(
    visit,
    consentPartialPage({
      ...visit.frame,
      client: { name: clientName },
      refused: refused.map((scope) => scopeText(visit, scope)),
      continueTo: readLink(visit, interaction.grantId),
    }),
  );
}

/** @param way a path of ours that posts the response, where no link can carry it. */
export function sendRefused(
  visit: Visit,
  clientName: string,
  { refused, response }: Pick<Answer, 'refused' | 'response'>,
  way: string,
): FastifyReply {
  return sendErrorPage(visit, {
    code: 'access_denied',
    client: { name: clientName },
    scopes: refused.map((scope) => scopeText(visit, scope)),
    backTo: response.by === 'uri' ? response.uri : way,
  });
}

export function sendExpired(
  ports: FlowPorts,
  visit: Visit,
  interaction: Interaction | undefined,
  browser: string,
): FastifyReply {
  const restart = interaction === undefined ? undefined : formOf(ports, visit, 'login', interaction, browser);
  return sendErrorPage(visit, { code: 'request_expired', ...(restart === undefined ? {} : { restart }) });
}

/** @param retry a path of ours, or a form, that goes on with the same request. */
export function sendUnavailable(
  visit: Visit,
  clientName: string | undefined,
  unavailable: 'directory' | 'us',
  retry: Form | { readonly href: string },
): FastifyReply {
  const client = clientName === undefined ? {} : { client: { name: clientName } };
  return sendErrorPage(visit, { code: 'temporarily_unavailable', ...client, unavailable, retry });
}
