/** What the demo tells about itself at the address that it prints: all that the check knows. */

import type { BackchannelCall } from '../application/flows/logout.ts';

export interface CheckedApplication {
  readonly clientId: string;
  /** Empty: it has none. */
  readonly clientSecret: string;
  readonly scopes: readonly string[];
}

export const checkedNames = [
  'order-desk',
  'ledger',
  'pocket-clock',
  'loyalty',
  'showroom',
  'wall-display',
  'television',
  'night-report',
  'courier',
  'stockroom',
] as const;
export type CheckedName = (typeof checkedNames)[number];

export interface Facts {
  readonly issuer: string;
  /** Address of the sample application. */
  readonly application: string;
  /** Registered with the applications that sign people in. */
  readonly redirectUri: string;
  readonly applications: Readonly<Record<CheckedName, CheckedApplication>>;
  /** Passwords by user name. */
  readonly passwords: Readonly<Record<string, string>>;
  /** Address of {@link Observations}. */
  readonly observations: string;
}

/** What the demo saw of directory and server, the newest last. */
export interface Observations {
  /** The sample directory's own log; numbers grow by one. */
  readonly directory: readonly {
    readonly number: number;
    readonly op: string;
    readonly dn: string;
    readonly code: number;
    readonly entries: number;
  }[];
  /** How the server called the sample application. */
  readonly calls: readonly BackchannelCall[];
  /** Audit lines of the server's log. */
  readonly audit: readonly DirectoryAnswer[];
}

/** The members that the check reads of an audit line. */
export interface DirectoryAnswer {
  readonly event: string;
  readonly outcome: string;
  readonly 'request.id'?: string;
  readonly reason?: string;
  readonly rule?: string;
  readonly 'directory.server'?: string;
  readonly scopes?: readonly string[];
  readonly scopes_refused?: readonly string[];
}

/** @throws Error when nothing is there, or something else. */
export async function fetchFacts(address: string): Promise<Facts> {
  return (await readDocument(address, ['issuer', 'applications'])) as Facts;
}

export async function readObservations(address: string): Promise<Observations> {
  return (await readDocument(address, ['directory', 'calls', 'audit'])) as Observations;
}

async function readDocument(address: string, members: readonly string[]): Promise<unknown> {
  const response = await fetch(address, { signal: AbortSignal.timeout(20_000) });
  const found: unknown = response.ok ? await response.json() : undefined;
  if (typeof found !== 'object' || found === null || !members.every((member) => member in found)) {
    throw new Error(`${address} tells nothing about a demo (status ${response.status})`);
  }
  return found;
}
