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

export interface Sandbox {
  people(): readonly Person[];
  readonly directory: {
    isRunning(): boolean;
    isLocked(username: string): boolean;
    /** Newest first. */
    requests(): readonly DirectoryRequest[];
    /** @throws Error for an unknown person */
    perform(action: DirectoryAction, username: string): Promise<void>;
  };
}

export const directoryActions = ['stop', 'start', 'lock', 'unlock'] as const;
export type DirectoryAction = (typeof directoryActions)[number];
