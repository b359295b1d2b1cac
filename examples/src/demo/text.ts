/** What the demo says. */
import { relative } from 'node:path';
import type { Folders } from './folders.ts';
import type { Member } from './people.ts';

export interface Started {
  readonly application: string;
  readonly issuer: string;
  readonly status: string;
  readonly folders: Folders;
  readonly people: readonly Member[];
  /** Configuration file for `curl` with the machine client's id and secret. */
  readonly curlConfig: string;
}

export function welcome(started: Started): string {
  const { application, issuer, status, folders, people, curlConfig } = started;
  const wide = Math.max(...people.map(({ username }) => username.length));
  const widePassword = Math.max(...people.map(({ password }) => password.length));
  return `
Nauthera runs. Open

    ${application}

and sign in as one of
${people
  .map(
    ({ username, password, groups }) =>
      `\n    ${username.padEnd(wide)}  ${password.padEnd(widePassword)}  ${groups.length === 0 ? '(no group)' : groups.join(', ')}`,
  )
  .join('')}

Flows without a browser, in another terminal:

    client credentials
    curl -sS -K ${here(curlConfig)} -d grant_type=client_credentials -d scope=orders:read ${issuer}/token

    what the server offers
    curl -sS ${issuer}/.well-known/openid-configuration

Your own application: put a YAML file into ${here(folders.resources)}/ (README.md has one to copy). It is served within
two seconds, and its Secret lands in ${here(folders.secrets)}/<namespace>/<name>-oauth2.yaml.

    status of all resources   curl -sS ${status}/status
    log of the server         ${here(folders.log)}

Ctrl-C stops everything.
`;
}

/** As short as it can be typed from here. */
export function here(path: string): string {
  const short = relative(process.cwd(), path);
  return short === '' ? '.' : short.startsWith('..') ? path : short;
}

/** Says what is waited for: at once, and every ten seconds while it lasts. */
export async function waitingFor<T>(what: string, work: Promise<T>, details: () => string = () => ''): Promise<T> {
  const started = Date.now();
  console.error(`${what} …`);
  const timer = setInterval(() => {
    const detail = details();
    const seconds = Math.round((Date.now() - started) / 1000);
    console.error(
      `  still ${what.charAt(0).toLowerCase()}${what.slice(1)}, ${seconds} s${detail === '' ? '' : `: waits for ${detail}`}`,
    );
  }, 10_000);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}
