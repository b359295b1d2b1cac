/** The sample directory as the sample application shows it: its people, its switch, its locks, and what it was asked. */
import type { DirectoryRequest, Sandbox } from '../application/sandbox.ts';
import type { DirectoryEvent, SampleDirectory } from '../directory/server.ts';
import type { Group, Member } from './people.ts';
import type { Status } from './status.ts';

const lockedTime = 'pwdAccountLockedTime';
const shown = 30;

export interface DirectoryLog {
  note(event: DirectoryEvent): void;
  /** Newest first. */
  requests(): readonly DirectoryRequest[];
}

export function makeDirectoryLog(): DirectoryLog {
  const kept: DirectoryRequest[] = [];
  return {
    note(event) {
      kept.unshift({ time: new Date(), text: describe(event) });
      kept.splice(shown);
    },
    requests: () => kept,
  };
}

function describe({ op, dn, code, entries }: DirectoryEvent): string {
  const result = code === 0 ? (op === 'search' ? `${entries} found` : 'accepted') : `refused with code ${code}`;
  return op === 'search' ? `search below ${dn || 'the root'}: ${result}` : `${op} as ${dn || 'nobody'}: ${result}`;
}

export interface SandboxOptions {
  readonly directory: SampleDirectory;
  readonly people: readonly Member[];
  readonly groups: readonly Group[];
  readonly log: DirectoryLog;
  readonly look: () => Promise<Status | undefined>;
  readonly bindingFile: string;
}

export function makeSandbox({ directory, people, groups, log, look, bindingFile }: SandboxOptions): Sandbox {
  const dnOf = (username: string): string => {
    const person = people.find((one) => one.username === username);
    if (person === undefined) throw new Error(`nobody is called ${username}`);
    return person.dn;
  };
  const groupDnOf = (name: string): string => {
    const group = groups.find((one) => one.name === name);
    if (group === undefined) throw new Error(`no group is called ${name}`);
    return group.dn;
  };
  const others = (group: string, username: string): readonly string[] =>
    directory.getAttribute(groupDnOf(group), 'member').filter((dn) => dn !== dnOf(username));
  return {
    people: () =>
      people.map((person) => ({
        ...person,
        groups: groups
          .filter(({ dn }) => directory.getAttribute(dn, 'member').includes(person.dn))
          .map(({ name }) => name),
      })),
    directory: {
      isRunning: () => directory.running,
      isLocked: (username) => directory.getAttribute(dnOf(username), lockedTime).length > 0,
      groups: () => groups.map(({ name }) => name),
      requests: () => log.requests(),
      async perform(action, { username, group }) {
        switch (action) {
          case 'stop':
            return directory.stop();
          case 'start':
            return directory.running ? undefined : directory.restart();
          case 'lock':
            // For ever, as OpenLDAP's password policy has it.
            return directory.setAttribute(dnOf(username), lockedTime, ['000001010000Z']);
          case 'unlock':
            return directory.setAttribute(dnOf(username), lockedTime, []);
          case 'join':
            return directory.setAttribute(groupDnOf(group), 'member', [...others(group, username), dnOf(username)]);
          case 'leave':
            return directory.setAttribute(groupDnOf(group), 'member', others(group, username));
        }
      },
    },
    async sampleUsers() {
      const status = await look();
      if (status === undefined) return undefined;
      const bindings = status.resources.filter(({ kind }) => kind === 'LdapBinding');
      const binding = bindings.find(({ sampleUsers = [] }) => sampleUsers.length > 0) ?? bindings[0];
      if (binding === undefined) return undefined;
      return { binding: `${binding.namespace}/${binding.name}`, users: binding.sampleUsers ?? [] };
    },
    bindingFile,
  };
}
