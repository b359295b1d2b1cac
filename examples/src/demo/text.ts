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
  /** Configuration files for `curl` with the id and secret of a machine client and of an API. */
  readonly curlConfigs: { readonly machine: string; readonly opaque: string; readonly api: string };
  /** Client id of the device. */
  readonly device: string;
}

export function welcome(started: Started): string {
  const { application, issuer, status, folders, people, curlConfigs, device } = started;
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

Where they see what they allowed and where they are signed in, and take it back:

    ${issuer}/account

Flows without a browser, in another terminal:

    a program without users gets a token (client credentials)
    curl -sS -K ${here(curlConfigs.machine)} -d grant_type=client_credentials -d scope=orders:read ${issuer}/token

    an API asks what a token is worth (introspection)
    curl -sS -K ${here(curlConfigs.api)} -d "token=$(${opaqueToken(curlConfigs.opaque, issuer)})" ${issuer}/introspect

    a device gets a code to show (device authorization); enter it at ${issuer}/device
    curl -sS -d client_id=${device} -d scope=openid ${issuer}/device_authorization

    what the server offers
    curl -sS ${issuer}/.well-known/openid-configuration

Your own application: put a YAML file into ${here(folders.resources)}/ (README.md has one to copy). It is served within
two seconds, and its Secret lands in ${here(folders.secrets)}/<namespace>/<name>-oauth2.yaml.

    status of all resources   curl -sS ${status}/status
    log of the server         ${here(folders.log)}

Ctrl-C stops everything.
`;
}

/** Fetches a token that says nothing by itself, for the API to ask about. */
function opaqueToken(curlConfig: string, issuer: string): string {
  const request = `curl -sS -K ${here(curlConfig)} -d grant_type=client_credentials -d scope=orders:stock ${issuer}/token`;
  return `${request} | sed 's/.*access_token":"//; s/".*//'`;
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
