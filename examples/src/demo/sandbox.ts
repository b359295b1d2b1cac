/** The sample directory as the sample application shows it: its people, its switch, its locks, and what it was asked. */
import type { DirectoryRequest, Sandbox } from '../application/sandbox.ts';
import type { DirectoryEvent, SampleDirectory } from '../directory/server.ts';
import type { Member } from './people.ts';

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

export function makeSandbox(directory: SampleDirectory, people: readonly Member[], log: DirectoryLog): Sandbox {
  const dnOf = (username: string): string => {
    const person = people.find((one) => one.username === username);
    if (person === undefined) throw new Error(`nobody is called ${username}`);
    return person.dn;
  };
  return {
    people: () => people,
    directory: {
      isRunning: () => directory.running,
      isLocked: (username) => directory.getAttribute(dnOf(username), lockedTime).length > 0,
      requests: () => log.requests(),
      async perform(action, username) {
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
        }
      },
    },
  };
}
