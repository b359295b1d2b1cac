/** The people of the sample directory, as its LDIF has them: the one place where their passwords stand. */
import type { Person } from '../application/sandbox.ts';
import { readLdif } from '../directory/ldif.ts';

export interface Member extends Person {
  readonly dn: string;
}

export interface Group {
  readonly dn: string;
  readonly name: string;
}

export function readPeople(ldif: string): readonly Member[] {
  const entries = entriesOf(ldif);
  const groups = entries.filter(isGroup);
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

export function readGroups(ldif: string): readonly Group[] {
  return entriesOf(ldif)
    .filter(isGroup)
    .map(({ dn, all }) => ({ dn, name: all('cn')[0] ?? '' }));
}

interface Described {
  readonly dn: string;
  /** Values of an attribute. */
  readonly all: (name: string) => readonly string[];
}

function entriesOf(ldif: string): readonly Described[] {
  return readLdif(ldif).map(({ dn, attributes }) => ({
    dn,
    all: (name) => attributes.filter((one) => one.name === name).map((one) => one.value.toString('utf8')),
  }));
}

const isGroup = ({ all }: Described): boolean => all('objectClass').includes('groupOfNames');
