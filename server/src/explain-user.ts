/** What a sign-in with a name would find: every directory's answer, and what the rules of the one that counts decide. */
import type { Directories, Finding } from './directory/directories.ts';
import { type ClaimValue, type DirectoryUser, knownClaims } from './directory/directory.ts';
import { type Explanation, explain } from './directory/explain.ts';
import { type ConsentRules, isMemberOfOne } from './directory/verify-consent.ts';
import { builtInScopes } from './protocol/terms.ts';
import type { Snapshot } from './registry/snapshot.ts';

export interface AskedDirectory {
  /** `<namespace>/<name>` of the LdapBinding. */
  readonly directory: string;
  readonly priority: number;
  readonly outcome: Finding['outcome'];
  /** Why it could not be asked. */
  readonly detail?: string;
}

export interface ExplainedUser extends Explanation {
  readonly directory: string;
  readonly server: string;
  readonly subject: string;
  readonly username: string;
  readonly account: DirectoryUser['account'];
  readonly groups: DirectoryUser['groups'];
  readonly claims: Readonly<Record<string, ClaimValue>>;
  readonly client?: ExplainedClient;
}

export interface ExplainedClient {
  readonly clientId: string;
  /** Whether the user may use it at all: `access.groups`. */
  readonly mayUse: boolean;
  readonly accessGroups: readonly string[];
  readonly allowed: readonly string[];
  readonly refused: readonly string[];
  /** A refused scope is dropped, or ends the request. */
  readonly onRefusedScope: 'drop' | 'deny';
}

export interface Explained {
  /** In the order in which they count. */
  readonly directories: readonly AskedDirectory[];
  /** Absent: nobody would be found, or a directory that counts before could not be asked. */
  readonly user?: ExplainedUser;
}

/** @throws UnknownClient */
export async function explainUser(
  { username, clientId }: { readonly username: string; readonly clientId: string | undefined },
  { directories, snapshot }: { readonly directories: Directories; readonly snapshot: Snapshot },
  signal: AbortSignal,
): Promise<Explained> {
  if (clientId !== undefined && snapshot.client(clientId) === undefined) throw new UnknownClient(clientId);
  const findings = await directories.findEverywhere(username, signal);
  const first = findings.find(({ outcome }) => outcome === 'found' || outcome === 'unavailable');
  const answers = findings.map(answerOf);
  if (first === undefined || first.outcome !== 'found') return { directories: answers };
  return { directories: answers, user: explained(first.user, clientId, snapshot) };
}

export class UnknownClient extends Error {
  constructor(clientId: string) {
    super(`no client ${clientId} is registered: status.clientId of its Client says how it is called`);
    this.name = 'UnknownClient';
  }
}

function answerOf(finding: Finding): AskedDirectory {
  const { directory, priority, outcome } = finding;
  return { directory, priority, outcome, ...(finding.outcome === 'unavailable' ? { detail: finding.detail } : {}) };
}

/** It was withdrawn while it was asked. */
const nothing: ConsentRules = { consent_rules: [], unlisted_scopes: 'deny', vendor: 'generic' };

function explained(user: DirectoryUser, clientId: string | undefined, snapshot: Snapshot): ExplainedUser {
  const rules = snapshot.directory(user.directory)?.value ?? nothing;
  const declared = [...snapshot.scopes()].map(({ value }) => value.scope);
  const { directory, server, subject, username, account, groups } = user;
  const verdicts = explain(user, rules, [...builtInScopes, ...declared]);
  const client =
    clientId === undefined
      ? undefined
      : clientOf(clientId, user, { scopes: verdicts.scopes, directory: rules }, snapshot);
  return {
    directory,
    server,
    subject,
    username,
    account,
    groups,
    claims: knownClaims(user),
    ...verdicts,
    ...(client === undefined ? {} : { client }),
  };
}

function clientOf(
  clientId: string,
  user: DirectoryUser,
  { scopes, directory }: Pick<Explanation, 'scopes'> & { readonly directory: ConsentRules },
  snapshot: Snapshot,
): ExplainedClient | undefined {
  const client = snapshot.client(clientId)?.value;
  if (client === undefined) return undefined;
  const accessGroups = client.access_groups;
  const isAllowed = (scope: string) => scopes.some((verdict) => verdict.scope === scope && verdict.allowed);
  return {
    clientId,
    mayUse: accessGroups.length === 0 || isMemberOfOne(user, accessGroups, directory),
    accessGroups,
    allowed: client.scopes.filter(isAllowed),
    refused: client.scopes.filter((scope) => !isAllowed(scope)),
    onRefusedScope: client.consent.on_refused_scope,
  };
}
