/** PURE. `docs/explanation/flows.md`: what the check saw of each flow, as a diagram and as a table. */
import { flowChapters } from './document-chapters.ts';
import type { Actor, Message } from './messages.ts';
import type { ObservedRun } from './report.ts';

const head = `# The flows, message by message

<!-- Generated from what \`npm run demo -- --check\` saw: \`npm run gen:flows\` writes it anew. Do not edit. -->

Every line below was seen: \`npm run demo -- --check\` plays each flow against the running product and writes down what it
sends and what comes back. A test plays them again and fails when this page says something else.

- **user** is a browser, **application** a Client of [\`examples/resources\`](../../examples/resources/), **server** Nauthera,
  **directory** the LDAP directory. Names of parameters are given, values only where a specification fixes them.
- What passes between server and directory is told by both of them: the questions by the directory's own log (each kind
  once), the answers by the server's audit lines of that very request, with the rules that decided.
- \`303 to page consent\` is one redirect within the server and the page behind it. What the browser takes to the
  application travels in the query, in the fragment, or in a form that is posted.
- Discovery documents and keys, which libraries read and keep, are left out. \`request\` and \`token\` in forms are the sealed
  request and its protection against other sites (CSRF).
- \`directory → directory\` is what the check itself did to the sample directory: it stopped it, or locked an account.
- ada and grace are in the groups staff and finance, alan is in staff alone, zoe in none. \`orders:read\` is for staff,
  \`orders:write\` for finance.
`;

/** @throws Error when a flow was not played, or one is not told about. */
export function flowsDocument(runs: readonly ObservedRun[]): string {
  const untold = runs.find(({ flow }) => !flowChapters.some((chapter) => chapter.flow === flow));
  if (untold !== undefined) throw new Error(`there is no chapter for ${untold.flow}`);
  const chapters = flowChapters.map(({ flow, title, text }) => {
    const [first, ...others] = runs.filter((run) => run.flow === flow);
    if (first === undefined) throw new Error(`${flow} was not played`);
    return [`## ${title}`, text, section(first), ...others.map(details)].join('\n\n');
  });
  return `${[head, ...chapters].join('\n')}\n`.replaceAll(/\n{3,}/g, '\n\n').replace(/\n+$/, '\n');
}

function section(run: ObservedRun): string {
  return [`**${sentence(run.title)}** ${outcome(run)}`, diagram(run.messages), table(run.messages)].join('\n\n');
}

function details(run: ObservedRun): string {
  return [
    `<details><summary><b>${sentence(run.title)}</b> ${outcome(run)}</summary>`,
    table(run.messages),
    '</details>\n',
  ].join('\n\n');
}

function sentence(title: string): string {
  return `${title.charAt(0).toUpperCase()}${title.slice(1)}.`;
}

function outcome({ issued, found }: ObservedRun): string {
  const what = issued.length === 0 ? 'Nothing was issued.' : `Issued: ${issued.join(', ')}.`;
  return [what, ...found.map(sentence)].join(' ');
}

const actors: readonly Actor[] = ['user', 'application', 'server', 'directory'];

function diagram(messages: readonly Message[]): string {
  const known = actors.filter((actor) => messages.some(({ from, to }) => from === actor || to === actor));
  const lines = [
    ...known.map((actor) => `participant ${actor}`),
    ...messages.map(
      (message) => `${message.from}${isAnswer(message) ? '-->>' : '->>'}${message.to}: ${label(message)}`,
    ),
  ];
  return ['```mermaid', 'sequenceDiagram', '  autonumber', ...lines.map((line) => `  ${line}`), '```'].join('\n');
}

/** The directory is asked, and so is whoever gets a request of HTTP. */
function isAnswer({ to, what }: Message): boolean {
  return to !== 'directory' && !/^(GET|POST) /.test(what);
}

/** What a reader looks for in a diagram: what was decided, and what was given. */
const telling =
  /^(code|access_token|id_token|refresh_token|device_code|user_code|logout_token|id_token_hint|(response_type|decision|error|active)=.*)$/;

/** `;` and `#` mean something to Mermaid. */
function label({ what, names }: Message): string {
  const shown = names.filter((name) => telling.test(name));
  const text = shown.length === 0 ? what : `${what}: ${shown.join(', ')}`;
  return text.replaceAll('#', '#35;').replaceAll(';', '#59;');
}

function table(messages: readonly Message[]): string {
  const rows = messages.map(({ from, to, what, names }, at) =>
    [String(at + 1), `${from} → ${to}`, what, names.map((name) => `\`${name}\``).join(' ')].join(' | '),
  );
  const header = ['', 'who', 'message', 'parameters, members or scopes'].join(' | ');
  return [header, '-- | -- | -- | --', ...rows].map((row) => `| ${row} |`).join('\n');
}
