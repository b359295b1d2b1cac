/** What there is to walk through, who may sign in, and the directory behind it all. */
import { type Html, html } from '../html.ts';
import type { Person, Sandbox } from '../sandbox.ts';
import type { Flow } from '../walk.ts';
import { action, layout } from './layout.ts';
import { type Offer, offerCard } from './offer.ts';

export type { Offer } from './offer.ts';

export function startPage(offers: readonly Offer[], sandbox: Sandbox | undefined): string {
  return layout({
    name: 'start',
    title: 'See what an application sees',
    body: html`<p>Choose an application. You take its place, one step at a time: every request it sends and every answer it
gets is on the page, tokens decoded.</p>
${groups.map((group) =>
  groupSection(
    group,
    offers.filter((offer) => groupOf(offer) === group.name),
  ),
)}${sandbox && peopleSection(sandbox)}${sandbox && directorySection(sandbox)}`,
  });
}

interface Group {
  readonly name: Flow | 'front-channel' | 'none';
  readonly title: string;
  readonly text: string;
}

const groups: readonly Group[] = [
  {
    name: 'browser',
    title: 'A person signs in',
    text: 'Authorization code: the browser brings a code, the application exchanges it for tokens. The way for nearly all.',
  },
  {
    name: 'front-channel',
    title: 'Tokens come through the browser',
    text: 'Hybrid and implicit: some tokens come with the answer itself. Off on a server unless its owner allows them.',
  },
  {
    name: 'device',
    title: 'The person is at another screen',
    text: 'Device authorization: you play the television, and connect it in a second tab.',
  },
  { name: 'machine', title: 'There is no person', text: 'Client credentials: a program acts in its own name.' },
  { name: 'none', title: 'Not there yet', text: 'The operator has not written their Secrets.' },
];

function groupOf({ flows, responseTypes }: Offer): Group['name'] {
  const [first = 'none'] = flows;
  const [usual = 'code'] = responseTypes;
  return first === 'browser' && usual !== 'code' ? 'front-channel' : first;
}

function groupSection({ name, title, text }: Group, offers: readonly Offer[]): Html | undefined {
  if (offers.length === 0) return undefined;
  return html`<h2 id="${name}">${title}</h2>
<p>${text}</p>
<div class="cards">
${offers.map(offerCard)}</div>
`;
}

function peopleSection(sandbox: Sandbox): Html {
  return html`<h2 id="people">Who can sign in</h2>
<div class="cards">
${sandbox.people().map((person) => personCard(person, sandbox.directory.isLocked(person.username)))}</div>
`;
}

function personCard(person: Person, locked: boolean): Html {
  return html`<section class="card">
<h3>${person.name}${locked && html` <span class="tag bad">locked</span>`}</h3>
<p>${person.title}</p>
<dl><dt>Username</dt><dd><code>${person.username}</code></dd>
<dt>Password</dt><dd><code>${person.password}</code></dd>
<dt>Groups</dt><dd>${person.groups.length === 0 ? 'none' : person.groups.join(', ')}</dd></dl>
<p><a id="explain-${person.username}" href="/directory?user=${encodeURIComponent(person.username)}">What ${person.username} may allow, and why</a></p>
${action({
  path: '/directory',
  label: locked ? 'Unlock the account' : 'Lock the account',
  id: `lock-${person.username}`,
  fields: { action: locked ? 'unlock' : 'lock', username: person.username },
})}</section>
`;
}

function directorySection({ directory }: Sandbox): Html {
  const running = directory.isRunning();
  const requests = directory.requests();
  const tag = running ? html`<span class="tag good">running</span>` : html`<span class="tag bad">stopped</span>`;
  return html`<h2 id="directory">The directory ${tag}</h2>
<p>It is asked before anything is issued: at sign-in, when somebody chooses Allow, and at every refresh. Stop it in the
middle of a walk and nothing comes out; start it, and the same request goes on.</p>
<p><a id="directory-page" href="/directory">What it says of each of them, and what each consent rule decides</a></p>
${action({
  path: '/directory',
  label: running ? 'Stop the directory' : 'Start the directory',
  id: 'directory-switch',
  fields: { action: running ? 'stop' : 'start' },
})}
<details><summary>What it was asked lately (${requests.length})</summary>
<ol class="log">
${requests.map((one) => html`<li><time>${one.time.toISOString().slice(11, 19)}</time> ${one.text}</li>\n`)}</ol>
</details>
`;
}
