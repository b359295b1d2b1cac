/** What the demo adds to the sample application: people with known passwords, and a directory to play with. */

export interface Person {
  readonly username: string;
  readonly password: string;
  readonly name: string;
  readonly title: string;
  readonly groups: readonly string[];
}

export interface DirectoryRequest {
  readonly time: Date;
  readonly text: string;
}

/** One of `status.sampleUsers` of an LdapBinding, as the operator wrote it. */
export interface SampleUser {
  readonly username: string;
  readonly outcome: string;
  readonly account?: string;
  readonly subject?: string;
  readonly groups?: readonly string[];
  readonly groupCount?: number;
  /** Names. */
  readonly claims?: readonly string[];
  readonly rules?: readonly { readonly name: string; readonly holds: boolean; readonly why: string }[];
  readonly scopes?: readonly { readonly scope: string; readonly allowed: boolean; readonly why: string }[];
}

export interface SampleUsers {
  /** `namespace/name` of the LdapBinding. */
  readonly binding: string;
  readonly users: readonly SampleUser[];
}

export interface Sandbox {
  /** With the groups that they are in now. */
  people(): readonly Person[];
  readonly directory: {
    isRunning(): boolean;
    isLocked(username: string): boolean;
    groups(): readonly string[];
    /** Newest first. */
    requests(): readonly DirectoryRequest[];
    /** @throws Error for an unknown person or group */
    perform(action: DirectoryAction, about: { readonly username: string; readonly group: string }): Promise<void>;
  };
  /** `undefined`: the status cannot be read now. */
  sampleUsers(): Promise<SampleUsers | undefined>;
  /** The file with the LdapBinding, for people who want to change it. */
  readonly bindingFile: string;
}

export const directoryActions = ['stop', 'start', 'lock', 'unlock', 'join', 'leave'] as const;
export type DirectoryAction = (typeof directoryActions)[number];
