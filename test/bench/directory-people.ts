/** A real directory server with the people of the benches (`user-0`, `password-of-user-0`, …), over `ldaps`. */
import { never, openDirectories, registrationOf } from '../support/directories.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { seedSuffix } from '../support/slapd-seed.ts';
import type { Who } from './people.ts';
import type { Stage } from './stage.ts';

export const uidOf = (index: number): string => `user-${index}`;
export const passwordOf = (index: number): string => `password-of-user-${index}`;

export async function directoryWithPeople(stage: Stage, users: number): Promise<Slapd> {
  const slapd = await startSlapd();
  stage.atEnd(() => slapd.close());
  const person = (_: unknown, index: number) => `dn: uid=${uidOf(index)},ou=people,${seedSuffix}
objectClass: inetOrgPerson
uid: ${uidOf(index)}
cn: User ${index}
sn: User
displayName: User ${index}
mail: user-${index}@example.org
userPassword: ${passwordOf(index)}
`;
  await slapd.add(Array.from({ length: users }, person).join('\n'));
  return slapd;
}

/** One search reads all that a sign-in needs: nobody's groups are entries of their own. */
export function benchRegistration(slapd: Slapd) {
  const { group_search: _, ...registration } = registrationOf(slapd);
  return registration;
}

/** What that directory says of its people, found as the server finds them. */
export function livePeople(stage: Stage, slapd: Slapd): Who {
  const directories = openDirectories({ people: benchRegistration(slapd) });
  stage.atEnd(async () => directories[Symbol.asyncDispose]());
  return async (username) => {
    const candidate = await directories.port.find(username, never);
    const found = candidate.known ? await directories.port.lookup(candidate.user, never) : null;
    if (found === null) throw new Error(`no ${username}`);
    return found;
  };
}
