/** The people of the sample directory, as its LDIF has them: the one place where their passwords stand. */
import type { Person } from '../application/sandbox.ts';
import { readLdif } from '../directory/ldif.ts';

export interface Member extends Person {
  readonly dn: string;
}

export function readPeople(ldif: string): readonly Member[] {
  const entries = readLdif(ldif).map(({ dn, attributes }) => ({
    dn,
    all: (name: string) => attributes.filter((one) => one.name === name).map((one) => one.value.toString('utf8')),
  }));
  const groups = entries.filter(({ all }) => all('member').length > 0);
  return entries
    .filter(({ all }) => all('objectClass').includes('inetOrgPerson'))
    .map(({ dn, all }) => ({
      dn,
      username: all('uid')[0] ?? '',
      password: all('userPassword')[0] ?? '',
      name: all('cn')[0] ?? '',
      title: all('title')[0] ?? '',
      groups: groups.filter((group) => group.all('member').includes(dn)).flatMap((group) => group.all('cn')),
    }));
}
