/** Which database URL of a tenant's Secret may be used, pure. */
import type { DatabaseProblem } from './database-failure.ts';

/** Every other parameter of the URL would reach the driver too: files of this machine, other hosts, other passwords. */
const harmless = ['application_name', 'channel_binding', 'connect_timeout', 'sslmode', 'target_session_attrs'];
const checked = ['prefer', 'require', 'verify-ca', 'verify-full'];
const weak = ['allow', 'no-verify'];

/**
 * What is wrong with the value of `key`, without repeating any of it; `undefined`: it can be used.
 *
 * @param where how messages call the entry, e.g. `Secret "pg", key "uri"`
 */
export function refuseUrl(text: string, where: string): DatabaseProblem | undefined {
  const shape = 'postgres://USER:PASSWORD@HOST:PORT/DATABASE';
  const cannot = (problem: string): DatabaseProblem => ({
    // No login can come of it, and waiting does not help: only an edit does.
    reason: 'DatabaseLoginFailed',
    message: `${where}: ${problem}. Write ${shape}`,
  });
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['postgres:', 'postgresql:'].includes(url.protocol)) return cannot('is no Postgres URL');
  if (url.username === '' || url.hostname === '' || /^%2f|^\//i.test(url.hostname) || url.pathname.length < 2)
    return cannot('must name user, host and database');
  if (userOf(url) === undefined)
    return cannot('the user holds a % that begins no escape, or one of no character. Write %25 for %');
  if (!isReadable(url)) return cannot('holds an escape of no character. Write %25 for %');
  for (const [name, value] of url.searchParams) {
    const shown = /^[a-z_]{1,32}$/i.test(name) ? name : 'of another name';
    if (/^ssl|^uselibpqcompat$/i.test(name) && name !== 'sslmode')
      return tlsFailed(`${where}: parameter ${shown} is not taken. Put the CA into the entry ca.crt of that Secret`);
    if (!harmless.includes(name)) return cannot(`parameter ${shown} is not taken`);
    if (name !== 'sslmode') continue;
    if (weak.includes(value))
      return tlsFailed(`${where}: sslmode=${value} checks no certificate. Write sslmode=verify-full`);
    if (!checked.includes(value) && value !== 'disable')
      return tlsFailed(`${where}: sslmode must be verify-full or disable`);
  }
  return undefined;
}

/** As the database is to know it; `undefined`: it cannot be told from the URL. */
export function userOf({ username }: URL): string | undefined {
  const user = decoded(username);
  // A zero would end the name, and begin another parameter of the connection.
  return user?.includes('\0') === true ? undefined : user;
}

/** Whether the driver can make something of the rest. A lone % it takes for itself: passwords are written so. */
function isReadable({ password, hostname, pathname }: URL): boolean {
  return [password, hostname, pathname].every((part) => {
    const text = decoded(part.replace(/%(?![0-9a-f]{2})/gi, '%25'));
    return text !== undefined && !text.includes('\0');
  });
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function tlsFailed(message: string): DatabaseProblem {
  return { reason: 'DatabaseTlsFailed', message };
}
