/** PURE. {@link Explained} for a person at a terminal. */
import type { ClaimValue } from './directory/directory.ts';
import type { AskedDirectory, Explained, ExplainedClient, ExplainedUser } from './explain-user.ts';

export function explanationText({ directories, user }: Explained): string {
  const asked = table(
    ['DIRECTORY', 'PRIORITY', 'ANSWER'],
    directories.map((one) => [one.directory, String(one.priority), answerOf(one, user)]),
  );
  return harmless([asked, ...(user === undefined ? [] : userText(user))].join('\n\n'));
}

/** People write part of their own entries: nothing of it may steer a terminal or turn a line around. */
function harmless(text: string): string {
  return text.replaceAll(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, (character) =>
    character === '\n' ? character : '\ufffd',
  );
}

function answerOf({ directory, outcome, detail }: AskedDirectory, user: ExplainedUser | undefined): string {
  switch (outcome) {
    case 'found':
      return user?.directory === directory
        ? 'knows the name: this one counts'
        : 'knows the name too, and does not count';
    case 'nobody':
      return 'knows nobody of that name';
    case 'several':
      return 'several entries share the name, so nobody signs in with it';
    case 'not_asked':
      return 'is not asked: its matches leave the name out';
    case 'unavailable':
      return `could not be asked, so nothing behind it counts: ${detail}`;
  }
}

function userText(user: ExplainedUser): readonly string[] {
  const facts: readonly (readonly [string, string])[] = [
    ['user', user.username],
    ['account', user.account === 'active' ? 'active' : `${user.account}: nobody signs in with it`],
    ['subject', user.subject],
    ['asked', user.server],
    ['groups', user.groups.map(({ name }) => name).join(', ') || 'none'],
    ...Object.entries(user.claims)
      .filter(([name]) => name !== 'groups')
      .map(([name, value]) => [`claim ${name}`, shown(value)] as const),
  ];
  const width = Math.max(...facts.map(([name]) => name.length));
  return [
    facts.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n'),
    ...(user.rules.length === 0
      ? []
      : [
          table(
            ['RULE', 'HOLDS', 'WHY', 'SCOPES'],
            user.rules.map(({ rule, holds, why, scopes }) => [rule, yesOrNo(holds), why, scopes.join(' ')]),
          ),
        ]),
    table(
      ['SCOPE', 'ALLOWED', 'WHY'],
      user.scopes.map(({ scope, allowed, why }) => [scope, yesOrNo(allowed), why]),
    ),
    ...(user.client === undefined ? [] : [clientText(user.client)]),
  ];
}

function clientText({ clientId, mayUse, accessGroups, allowed, refused, onRefusedScope }: ExplainedClient): string {
  if (!mayUse) return `${clientId}: may not be used, the user is in none of: ${accessGroups.join(', ')}`;
  const rest =
    refused.length === 0
      ? ''
      : onRefusedScope === 'drop'
        ? `; left out: ${refused.join(' ')}`
        : `; asking for one of these ends the request: ${refused.join(' ')}`;
  return `${clientId}: may get ${allowed.join(' ') || 'nothing'}${rest}`;
}

const yesOrNo = (value: boolean): string => (value ? 'yes' : 'no');
const shown = (value: ClaimValue): string =>
  (typeof value === 'string' ? value : JSON.stringify(value)).replaceAll('\n', ' ');

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)));
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
