/** What there is to walk through, who may sign in, and the directory behind it all. */
import { type Html, html } from '../html.ts';
import type { Person, Sandbox } from '../sandbox.ts';
import { action, layout } from './layout.ts';

export interface Offer {
  readonly key: string;
  readonly name: string;
  readonly about: string;
  /** `none`: its Secret is not there. */
  readonly flow: 'code' | 'machine' | 'none';
}

export function startPage(offers: readonly Offer[], sandbox: Sandbox | undefined): string {
  return layout({
    name: 'start',
    title: 'See what an application sees',
    body: html`<p>Choose an application. You take its place, one step at a time: every request it sends and every answer it
gets is on the page, tokens decoded.</p>
<div class="cards">
${offers.map(offerCard)}</div>
${sandbox && peopleSection(sandbox)}${sandbox && directorySection(sandbox)}`,
  });
}

function offerCard(offer: Offer): Html {
  const id = `start-${offer.key}`;
  const prompt = html`<label for="prompt-${offer.key}">Ask the person</label>
<select id="prompt-${offer.key}" name="prompt">
<option value="">only what is needed</option>
<option value="login">to sign in again</option>
<option value="consent">for consent again</option>
<option value="none">nothing at all (prompt=none)</option>
</select>`;
  const start = html`<form method="post" action="/walks"><input type="hidden" name="key" value="${offer.key}">
${offer.flow === 'code' && prompt}<button class="main" id="${id}">${offer.flow === 'code' ? 'Sign in' : 'Get a token'}</button></form>
`;
  return html`<section class="card">
<h2>${offer.name}</h2>
<p>${offer.about}</p>
${offer.flow !== 'none' && start}</section>
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
