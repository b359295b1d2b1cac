/** One walk: its steps so far, and what can be done next. */
import { type Html, html } from '../html.ts';
import type { Step, Walk } from '../walk.ts';
import { action, layout } from './layout.ts';
import { partSection } from './parts.ts';

export interface WalkView {
  /** An API is there that may ask what tokens mean. */
  readonly hasResourceServer: boolean;
}

export function walkPage(walk: Walk, view: WalkView): string {
  const last = walk.steps.length - 1;
  return layout({
    name: 'walk',
    title: walk.credentials.clientName,
    body: html`<p>Client id <code>${walk.credentials.clientId}</code>, at <code>${walk.credentials.issuer}</code></p>
<ol class="steps">
${walk.steps.map((step, at) => stepSection(step, at === last))}</ol>
<nav id="next" aria-label="What next">
${nextActions(walk, view)}<p><a class="button" id="start-over" href="/">Start over</a></p>
</nav>`,
  });
}

function nextActions(walk: Walk, view: WalkView): readonly Html[] {
  const leaving = departure(walk);
  const actions = actionsOf(walk, view).map(([id, label], at) =>
    action({ path: `/walks/${walk.id}/${id}`, label, id, main: at === 0 && leaving === undefined }),
  );
  return leaving === undefined ? actions : [leaving, ...actions];
}

/** Where the browser is to go next: to the authorization server, to sign in or out. */
function departure({ pending, answer, logout }: Walk): Html | undefined {
  const [id, url] =
    logout !== undefined
      ? (['go-logout', logout.url] as const)
      : pending !== undefined && answer === undefined
        ? (['go', pending.url] as const)
        : [];
  if (id === undefined || url === undefined) return undefined;
  return html`<p><a class="button main" id="${id}" href="${url.href}">Go to ${url.host}</a></p>\n`;
}

/** By what is at hand, what most people do next first. */
function actionsOf(walk: Walk, view: WalkView): readonly (readonly [id: string, label: string])[] {
  const { flow, answer, device, accessToken, refreshToken, idToken, credentials } = walk;
  const person = flow !== 'machine';
  const secret = credentials.clientSecret !== undefined;
  const offers: readonly (readonly [boolean, string, string])[] = [
    [answer?.parameters.has('code') === true, 'exchange', 'Exchange the code'],
    [device !== undefined, 'poll', 'Ask for the tokens'],
    [!person, 'machine', 'Ask for a token'],
    [person && accessToken !== undefined, 'userinfo', 'Ask who it is'],
    [refreshToken !== undefined, 'refresh', 'Refresh the tokens'],
    // A server tells what a token is worth to whoever can prove to be somebody.
    [secret && accessToken !== undefined, 'introspect', 'Ask what the access token is worth'],
    [view.hasResourceServer && accessToken !== undefined, 'introspect-api', 'Let an API ask what it is worth'],
    [accessToken !== undefined, 'revoke', 'End the access token'],
    [refreshToken !== undefined, 'revoke-refresh', 'End the refresh token'],
    [idToken !== undefined && flow === 'browser', 'logout', 'Sign out'],
  ];
  return offers.flatMap(([offered, id, label]) => (offered ? [[id, label] as const] : []));
}

const tags: Readonly<Record<Step['outcome'], Html | undefined>> = {
  done: undefined,
  waiting: html` <span class="tag">not yet</span>`,
  refused: html` <span class="tag bad">refused</span>`,
};

function stepSection(step: Step, open: boolean): Html {
  return html`<li data-step="${step.name}" data-outcome="${step.outcome}"${open && html` id="latest"`}>
<h2>${step.title}${tags[step.outcome]}</h2>
<p>${step.text}</p>
${step.parts.map((part) => partSection(part, open))}</li>
`;
}
