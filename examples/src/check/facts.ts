/** What the demo tells about itself at the address that it prints: all that the check knows. */

export interface CheckedApplication {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scopes: readonly string[];
}

export interface Facts {
  readonly issuer: string;
  /** Address of the sample application. */
  readonly application: string;
  /** Registered with the applications that sign people in. */
  readonly redirectUri: string;
  readonly applications: Readonly<Record<'order-desk' | 'ledger' | 'night-report', CheckedApplication>>;
  /** Passwords by user name. */
  readonly passwords: Readonly<Record<string, string>>;
}

/** @throws Error when nothing is there, or something else. */
export async function fetchFacts(address: string): Promise<Facts> {
  const response = await fetch(address, { signal: AbortSignal.timeout(10_000) });
  const facts: unknown = response.ok ? await response.json() : undefined;
  if (typeof facts !== 'object' || facts === null || !('issuer' in facts && 'applications' in facts)) {
    throw new Error(`${address} tells nothing about a demo (status ${response.status})`);
  }
  return facts as Facts;
}
