/** PURE. One message of a flow as the check saw it: names, and values only where a specification gives them. */

export type Actor = 'user' | 'application' | 'server' | 'directory';

export interface Message {
  readonly from: Actor;
  readonly to: Actor;
  /** `POST /token`, `page consent`, `200`. */
  readonly what: string;
  /** Names of parameters or members, in order. */
  readonly names: readonly string[];
  /** What differs from run to run, for whoever watches. */
  readonly detail?: string;
}

/** Parameters whose values are words of the specifications, the same for everybody. */
const told = new Set([
  'response_type',
  'response_mode',
  'grant_type',
  'code_challenge_method',
  'prompt',
  'token_type_hint',
  'token_type',
  'decision',
  'error',
  'active',
]);

/** No value of any other parameter leaves this function. */
export function namesOf(pairs: Iterable<readonly [string, unknown]>): readonly string[] {
  return [...pairs].map(([name, value]) => (told.has(name) ? `${name}=${String(value)}` : name));
}

export function namesOfJson(body: unknown): readonly string[] {
  return typeof body === 'object' && body !== null && !Array.isArray(body) ? namesOf(Object.entries(body)) : [];
}

/** The check itself presses the button that does it. */
export const stops: Message = { from: 'directory', to: 'directory', what: 'stops', names: [] };

/** As one line: who to whom, what, with which parameters. */
export function lineOf({ from, to, what, names, detail }: Message): string {
  const text = names.length === 0 ? what : `${what}: ${names.join(', ')}`;
  return `${`${from} → ${to}`.padEnd(24)} ${text}${detail === undefined ? '' : ` (${detail})`}`;
}

const tokens = { code: 'code', access_token: 'access token', id_token: 'ID token', refresh_token: 'refresh token' };

/** What an application was given by these messages. */
export function issuedBy(messages: readonly Message[]): readonly string[] {
  const given = new Set(messages.filter(({ to }) => to === 'application').flatMap(({ names }) => names));
  return Object.entries(tokens).flatMap(([name, words]) => (given.has(name) ? [words] : []));
}
