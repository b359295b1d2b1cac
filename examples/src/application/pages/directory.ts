/** What a sign-in of a sample user would find, and what each consent rule decides, as the status of the LdapBinding has it. */
import { type Html, html } from '../html.ts';
import type { Person, SampleUser, SampleUsers, Sandbox } from '../sandbox.ts';
import { action, layout } from './layout.ts';

export interface DirectoryPage {
  readonly sandbox: Sandbox;
  /** `undefined`: the status cannot be read. */
  readonly found: SampleUsers | undefined;
  /** Who is shown; `undefined`: nobody is there. */
  readonly user: SampleUser | undefined;
}

export function directoryPage({ sandbox, found, user }: DirectoryPage): string {
  if (found === undefined || user === undefined) return emptyPage(found);
  const person = sandbox.people().find(({ username }) => username === user.username);
  return layout({
    name: 'directory',
    title: `What the directory says of ${person?.name ?? user.username}`,
    body: html`<p>The LdapBinding <code>${found.binding}</code> names some people in <code>spec.sampleUsers</code>. Of each of them the
servers find out what a sign-in would find, and the operator writes it into the status. This page shows what stands there.</p>
${chooser(found.users, user)}${accountSection(user)}${rulesSection(user)}${scopesSection(user)}${person && groupsSection(sandbox, user, person)}${freshness(sandbox, user)}`,
  });
}

function emptyPage(found: SampleUsers | undefined): string {
  const text =
    found === undefined
      ? 'The status of the resources cannot be read at the moment.'
      : 'No LdapBinding names sample users, or no server has looked for them yet.';
  return layout({
    name: 'directory',
    title: 'What the directory says',
    body: html`<p>${text}</p>
<p><a class="button" id="look-again" href="/directory">Look again</a></p>`,
  });
}

const pathOf = (username: string): string => `/directory?user=${encodeURIComponent(username)}`;

function chooser(users: readonly SampleUser[], shown: SampleUser): Html {
  const links = users.map(
    ({ username }) =>
      html`<li><a id="user-${username}" href="${pathOf(username)}"${username === shown.username && html` aria-current="page"`}>${username}</a></li>\n`,
  );
  return html`<nav aria-label="Sample users"><ul class="choices">\n${links}</ul></nav>\n`;
}

const outcomes: Readonly<Record<string, string>> = {
  NotFound: 'Nobody has this name in the directory.',
  Ambiguous: 'Several entries have this name, so nobody signs in with it.',
  NotAsked: 'The directory is not asked about this name: spec.matches leaves it out.',
  Unreadable: 'The entry lacks an attribute that spec.userSearch names, or the service account may not read it.',
};

const tag = (good: boolean, yes: string, no: string): Html =>
  good ? html`<span class="tag good">${yes}</span>` : html`<span class="tag bad">${no}</span>`;

const isFound = ({ outcome }: SampleUser): boolean => outcome === 'Found';

function accountSection(user: SampleUser): Html {
  if (!isFound(user)) return html`<p>${outcomes[user.outcome] ?? user.outcome}</p>\n`;
  const { account = 'unknown', subject = '', groups = [], groupCount = groups.length, claims = [] } = user;
  const more = groupCount > groups.length ? `, and ${groupCount - groups.length} more` : '';
  return html`<h2 id="account">The account</h2>
<dl class="parameters"><dt>State</dt><dd>${tag(account === 'Active', account, account)}</dd>
<dt>Subject</dt><dd><code>${subject}</code></dd>
<dt>Groups</dt><dd>${groups.length === 0 ? 'none' : `${groups.join(', ')}${more}`}</dd>
<dt>Claims</dt><dd>${claims.join(', ') || 'none'} <small>(their values are never in a status)</small></dd></dl>
${account !== 'Active' && html`<p>Nobody signs in with an account in this state, whatever the rules say.</p>\n`}`;
}

function rulesSection(user: SampleUser): Html | undefined {
  if (!isFound(user)) return undefined;
  const { rules = [] } = user;
  const items = rules.map(
    ({ name, holds, why }) =>
      html`<li data-rule="${name}" data-holds="${holds ? 'yes' : 'no'}">${tag(holds, 'holds', 'does not hold')} <code>${name}</code>: ${why}</li>\n`,
  );
  return html`<h2 id="rules">What each consent rule decides</h2>
${items.length === 0 ? html`<p>There are no rules.</p>` : html`<ul class="checks">\n${items}</ul>`}
`;
}

function scopesSection(user: SampleUser): Html | undefined {
  if (!isFound(user)) return undefined;
  const items = (user.scopes ?? []).map(
    ({ scope, allowed, why }) =>
      html`<li data-scope="${scope}" data-allowed="${allowed ? 'yes' : 'no'}">${tag(allowed, 'allowed', 'refused')} <code>${scope}</code>: ${why}</li>\n`,
  );
  return html`<h2 id="scopes">Which scopes ${user.username} may allow to an application</h2>
<ul class="checks">\n${items}</ul>
`;
}

function groupsSection({ directory }: Sandbox, user: SampleUser, person: Person): Html {
  const buttons = directory.groups().map((group) => {
    const isIn = person.groups.includes(group);
    const verb = isIn ? 'leave' : 'join';
    return action({
      path: '/directory',
      label: isIn ? `Take ${user.username} out of ${group}` : `Put ${user.username} into ${group}`,
      id: `${verb}-${group}`,
      fields: { action: verb, username: user.username, group },
    });
  });
  return html`<h2 id="groups">Change something</h2>
${differs(user, person) && html`<p><strong id="changed">The directory has changed</strong>: ${user.username} is in ${person.groups.join(', ') || 'no group'} now. The status does not say so yet.</p>\n`}<div class="buttons">${buttons}</div>
`;
}

function differs({ groups = [] }: SampleUser, person: Person): boolean {
  return groups.toSorted().join() !== person.groups.toSorted().join();
}

function freshness({ bindingFile }: Sandbox, { username }: SampleUser): Html {
  return html`<p>The servers look every 30 seconds, and a change counts when they have told it twice: it is here within 40 seconds.
A sign-in waits for none of that, it asks the directory itself: the quickest way to see a change is to sign in as
${username}. A change of the rules is here within seconds: edit <code>${bindingFile}</code>.</p>
<p><a class="button" id="look-again" href="${pathOf(username)}">Look again</a></p>`;
}
