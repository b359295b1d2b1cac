import { readFile } from 'node:fs/promises';

export interface ServiceUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * Whom a server becomes that is not run as root: the first of these accounts that exists here. `undefined`: this is not root.
 *
 * @param server for the error: which one it is.
 */
export async function serviceUser(server: string, names: readonly string[]): Promise<ServiceUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const account = names.map((name) => accounts.find((fields) => fields[0] === name)).find(Boolean);
  const [name, , uid, gid] = account ?? [];
  if (name === undefined)
    throw new Error(`${server} is not run as root here, and there is no user ${names.join(' or ')}`);
  return { name, uid: Number(uid), gid: Number(gid) };
}
