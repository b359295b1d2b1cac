/**
 * Looking at each server of a directory as a login would need it: connect, verify its certificate, bind as the service
 * account, read the search base and one user, then the policy that the registration names. Messages are for the resource's
 * author: what was found, what to do.
 */
import { PresenceFilter } from 'ldapts';
import type { DirectoryServerProbe } from '../../registry/report.ts';
import type { RawEntry } from './answers.ts';
import { SearchFailed } from './blame.ts';
import { ConnectionLost, type SearchCommand } from './connection.ts';
import { EntryProblem, readEntry } from './entry.ts';
import { FilterProblem } from './filter.ts';
import type { Attempt } from './health.ts';
import type { LdapDirectory } from './ldap-directory.ts';
import { firstOf } from './pages.ts';
import { readPolicy } from './policies.ts';
import { no, ok, placeOf, withPort, wordsOf } from './probe-words.ts';
import type { LdapServer, Searcher } from './server.ts';
import { ServiceBindFailed, ServiceBindRefused } from './service-bind.ts';
import type { ServerTarget } from './target.ts';
import { tlsProblem } from './tls-problem.ts';
import { vendors } from './vendor.ts';

type BindStep = NonNullable<DirectoryServerProbe['bind']>;
type BaseStep = NonNullable<DirectoryServerProbe['searchBase']>;
type PolicyStep = NonNullable<DirectoryServerProbe['policy']>;

/** What is to be told of every server where the registration, or DNS, gives none that could be asked. */
export function registrationProblem({ problem, registered }: LdapDirectory): readonly DirectoryServerProbe[] | null {
  if (problem === null) return null;
  const { servers, srv_domain: domain } = registered.value;
  const reason = problem.part === 'servers' ? 'ConnectFailed' : 'CertificateUntrusted';
  const urls = domain === undefined ? servers : [`_ldaps._tcp.${domain}`];
  return urls.map((url) => ({ url, tls: no(reason, problem.message) }));
}

/** @throws what the ledger of service binds throws, or the signal's reason */
export async function probeServer(
  directory: LdapDirectory,
  server: LdapServer,
  signal: AbortSignal,
): Promise<DirectoryServerProbe> {
  const attempt = await ownTurnAt(server, signal);
  try {
    return await probeWith(attempt, directory, server, signal);
  } finally {
    attempt.leave();
  }
}

/** Where the circuit is open a probe is the trial, after one that is under way. */
async function ownTurnAt(server: LdapServer, signal: AbortSignal): Promise<Attempt> {
  for (;;) {
    const attempt = server.health.begin();
    if (attempt !== null) return attempt;
    await server.health.trial;
    signal.throwIfAborted();
  }
}

async function probeWith(
  attempt: Attempt,
  directory: LdapDirectory,
  server: LdapServer,
  signal: AbortSignal,
): Promise<DirectoryServerProbe> {
  const { url, target } = server;
  let connected = false;
  let searcher: Awaited<ReturnType<LdapServer['probe']>>;
  try {
    searcher = await server.probe(() => {
      connected = true;
    }, signal);
  } catch (error) {
    if (!(error instanceof ServiceBindRefused)) server.fail(attempt, error);
    const field = directory.registered.value.srv_domain === undefined ? 'spec.servers' : 'spec.srv.domain';
    if (!connected) return { url, tls: await tlsProblem(target, field, error, signal) };
    return { url, tls: ok, bind: bindProblem(directory, target, error) };
  }
  try {
    const searchBase = await searchBaseStep(directory, target, searcher);
    const policy = searchBase.ok ? await policyStep(directory, target, searcher) : null;
    if (searchBase.ok) attempt.succeed();
    return { url, tls: ok, bind: ok, searchBase, ...(policy === null ? {} : { policy }) };
  } catch (error) {
    // It went away between two steps: the first of them is what to look at. The one user may be too large, though.
    if (error instanceof ConnectionLost && error.reason === 'oversized') attempt.leave();
    else server.fail(attempt, error);
    return {
      url,
      tls: no(
        'ConnectFailed',
        `${placeOf(target)}: the connection broke while it was asked (${wordsOf(error)}). Check that it is an LDAP server in good health`,
      ),
    };
  } finally {
    searcher.destroy();
  }
}

/** The operator, who knows it, puts the Secret's name in place of `{secret}`. */
function bindProblem({ registered }: LdapDirectory, target: ServerTarget, error: unknown): BindStep {
  if (error instanceof ServiceBindRefused) {
    const place = URL.parse(error.server)?.host ?? placeOf(target);
    return no(
      'BindRejected',
      `${withPort(place)} refused the service account "${registered.value.bind_dn}" (invalid credentials). Check spec.bind.dn and Secret "{secret}"`,
    );
  }
  const found = error instanceof ServiceBindFailed ? `result code ${error.resultCode}` : wordsOf(error);
  return no(
    'BindFailed',
    `${placeOf(target)} did not let the service account sign in (${found}). Check spec.bind.dn and the directory`,
  );
}

const resultCode = { success: 0, sizeLimitExceeded: 4, noSuchObject: 32, invalidDn: 34, insufficientAccess: 50 };

async function searchBaseStep(directory: LdapDirectory, target: ServerTarget, searcher: Searcher): Promise<BaseStep> {
  const { reading, registered } = directory;
  if (reading instanceof FilterProblem) return no('InvalidFilter', reading.message);
  const { base } = registered.value.user_search;
  const found = await searcher.search(reader(base, ['1.1']));
  if (found.code === resultCode.noSuchObject || found.code === resultCode.invalidDn) {
    const contexts = await namingContexts(searcher);
    const offer = contexts === '' ? '' : `. It offers: ${contexts}`;
    return no('SearchBaseNotFound', `search base "${base}" does not exist on ${target.host}${offer}`);
  }
  const account = `the service account "${registered.value.bind_dn}"`;
  if (found.code !== resultCode.success) {
    return no(
      'SearchNotPermitted',
      `${target.host} does not let ${account} read "${base}" (result code ${found.code}). Give it the right to search there`,
    );
  }
  const { code, entries } = await firstOf(searcher, reading.anyone);
  if (code !== resultCode.success && code !== resultCode.sizeLimitExceeded) {
    return no(
      'SearchNotPermitted',
      `${target.host} does not let ${account} search users below "${base}" (result code ${code}). Give it the right to search there`,
    );
  }
  const unreadable = entries
    .map((entry) => problemOf(() => reading.requireReadable(entry)))
    .find((one) => one !== null);
  if (unreadable === undefined) return ok;
  return no(
    'SearchNotPermitted',
    `${account} found a user below "${base}", but ${unreadable}. Let it read the attributes named in spec.userSearch.attributes`,
  );
}

/** `null`: there is none to read, or it is not known whether it can be. */
async function policyStep(
  { registered }: LdapDirectory,
  target: ServerTarget,
  searcher: Searcher,
): Promise<PolicyStep | null> {
  const { vendor, default_policy: name } = registered.value;
  const { policies } = vendors[vendor];
  if (policies === null || name === undefined) return null;
  try {
    if ((await readPolicy(searcher, policies, name)) !== null) return ok;
  } catch (error) {
    if (error instanceof SearchFailed) return null;
    throw error;
  }
  return no(
    'PolicyNotReadable',
    `spec.accountStatus.defaultPolicy: ${target.host} shows the service account no policy of that name, so it counts for nobody. Correct the name, or give the right to read the policy`,
  );
}

function problemOf(read: () => void): string | null {
  try {
    read();
    return null;
  } catch (error) {
    if (error instanceof EntryProblem) return error.message;
    throw error;
  }
}

function reader(base: string, attributes: readonly string[]): SearchCommand {
  return { base, scope: 'base', filter: new PresenceFilter({ attribute: 'objectClass' }), attributes, sizeLimit: 1 };
}

/** What the root DSE says (RFC 4512 §5.1). */
async function namingContexts(searcher: Searcher): Promise<string> {
  const { entries } = await searcher.search(reader('', ['namingContexts']));
  const [root] = entries;
  return root === undefined ? '' : textsOf(root, 'namingcontexts').join('; ');
}

/** The root has the empty name, so it is no entry for the usual reader. */
function textsOf({ attributes }: RawEntry, name: string): readonly string[] {
  const named: RawEntry = { dn: 'cn=root', attributes };
  return readEntry(named).texts(name);
}
