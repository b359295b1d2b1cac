/** Parts of the server with spans around what they do. Only where there is tracing is anything put around anything. */
import type { DirectoryPort } from './directory/directory.ts';
import type { AuthenticateClient } from './http/client-authentication.ts';
import type { Signer } from './keys/keys.ts';
import type { LoadedRegistrations } from './registry/follow.ts';
import type { Database, Runner, Statement } from './store/database.ts';
import { summaryOf } from './store/statement-summary.ts';
import type { SpanFields, Tracing } from './telemetry/tracing.ts';

/** `{operation} {table}` for each statement that a request sends; values are in no span. */
export function tracedDatabase(database: Database, tracing: Tracing): Database {
  const within =
    (runner: Runner): Runner['run'] =>
    (statement, values) =>
      tracing.step(summaryOf(statement).text, () => runner.run(statement, values), fieldsOf(statement));
  return {
    kind: database.kind,
    kysely: database.kysely,
    run: within(database),
    transaction: (work) =>
      database.transaction((transaction) => work({ inTransaction: true, run: within(transaction) })),
    listen: (channel, onNotify) => database.listen(channel, onNotify),
    alone: (work) => database.alone(work),
    ...(database.poolCounts === undefined ? {} : { poolCounts: database.poolCounts.bind(database) }),
    close: () => database.close(),
  };
}

function fieldsOf(statement: Statement): SpanFields {
  const { operation, table } = summaryOf(statement);
  return {
    'db.system.name': 'postgresql',
    'db.operation.name': operation,
    ...(table === undefined ? {} : { 'db.collection.name': table }),
    'db.query.summary': statement.name,
  };
}

export function tracedDirectory(directory: DirectoryPort, tracing: Tracing): DirectoryPort {
  return {
    find: (username, signal) =>
      tracing.step('directory.search', async (span) => {
        const candidate = await directory.find(username, signal);
        if (candidate.known)
          span.set({
            'nauthera.directory': candidate.user.directory,
            'nauthera.directory.server': candidate.user.server,
          });
        return candidate;
      }),
    authenticate: (candidate, password, signal) =>
      tracing.step('directory.bind', async (span) => {
        if (candidate.known) span.set({ 'nauthera.directory': candidate.user.directory });
        const outcome = await directory.authenticate(candidate, password, signal);
        if (outcome.outcome === 'rejected') span.set({ 'error.type': outcome.reason });
        return outcome;
      }),
    findAgain: (reference, signal) =>
      tracing.step('directory.search', () => directory.findAgain(reference, signal), {
        'nauthera.directory': reference.directory,
      }),
    changePassword: (candidate, current, next, signal) =>
      tracing.step('directory.change_password', async (span) => {
        if (candidate.known) span.set({ 'nauthera.directory': candidate.user.directory });
        const outcome = await directory.changePassword(candidate, current, next, signal);
        if (outcome.outcome === 'rejected') span.set({ 'error.type': outcome.reason });
        return outcome;
      }),
    lookup: (reference, signal) =>
      tracing.step('directory.search', () => directory.lookup(reference, signal), {
        'nauthera.directory': reference.directory,
      }),
    lookupMany: (id, entryIds, signal) =>
      tracing.step('directory.search', () => directory.lookupMany(id, entryIds, signal), { 'nauthera.directory': id }),
    showsGroups: (reference, signal) =>
      tracing.step('directory.search', () => directory.showsGroups(reference, signal), {
        'nauthera.directory': reference.directory,
      }),
  };
}

export function tracedSigner(signer: Signer, tracing: Tracing): Signer {
  return { sign: (algorithm, type, claims) => tracing.step('sign', () => signer.sign(algorithm, type, claims)) };
}

/** What strangers type as their id is in no span: it is there once it was proved. */
export function tracedAuthentication(authenticate: AuthenticateClient, tracing: Tracing): AuthenticateClient {
  return (request) =>
    tracing.step('client.authenticate', async (span) => {
      const client = await authenticate(request);
      span.set({ 'nauthera.client.id': client.registration.client_id });
      return client;
    });
}

/** `registry.load`, linked to the traces whose writes were read. */
export function recordLoad(tracing: Tracing, { began, revision, changed, traceparents }: LoadedRegistrations): void {
  tracing.record('registry.load', {
    began,
    links: [...new Set(traceparents)],
    fields: { 'nauthera.revision': revision.n, count: changed },
  });
}
