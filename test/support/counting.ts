/**
 * Counts what a request costs, by wrapping what the composition root is given. Statements of polls and sweeps are not
 * counted: the server names its use of the database. Rows are counted by a trigger on every table that requests write.
 */
import { hash } from 'node:crypto';
import { expect } from 'vitest';
import type { Seams } from '../../server/src/app.ts';
import type { DirectoryPort } from '../../server/src/directory/directory.ts';
import type { Signer } from '../../server/src/keys/keys.ts';
import type { Database, Runner, Statement } from '../../server/src/store/database.ts';
import { type Cost, type CostName, costs } from './costs.ts';

/** Written by background work alone. */
const backgroundTables = ['recheck_rounds', 'recheck_buckets', 'replica_reports', 'signing_keys', 'sealed_secrets'];

export class Counters {
  statements = 0;
  signatures = 0;
  verifications = 0;
  searches = 0;
  binds = 0;
  /** Names of the statements counted, in order. */
  readonly names: string[] = [];
  readonly #database: Database;

  private constructor(database: Database) {
    this.#database = database;
  }

  /** @param database migrated; the one that the server is given. */
  static async of(database: Database): Promise<Counters> {
    const counters = new Counters(database);
    await counters.#countRows();
    return counters;
  }

  /** For `start({ seams })`. `directory` is asked in place of LDAP. */
  seams(directory?: DirectoryPort): Seams {
    return {
      database: (database, use) => (use === 'request' ? this.#countStatements(database) : database),
      signer: (signer) => this.#countSignatures(signer),
      onVerified: () => {
        this.verifications += 1;
      },
      ...(directory === undefined ? {} : { directory: this.#countOperations(directory) }),
    };
  }

  #note({ name }: Statement): void {
    this.statements += 1;
    this.names.push(name);
  }

  #countStatements(database: Database): Database {
    const counted = <R extends Runner>(runner: R): R['run'] => {
      return (statement, values) => {
        this.#note(statement);
        return runner.run(statement, values);
      };
    };
    return {
      kind: database.kind,
      kysely: database.kysely,
      run: counted(database),
      transaction: async (work) => {
        this.statements += 2;
        return database.transaction((transaction) => work({ inTransaction: true, run: counted(transaction) }));
      },
      listen: (channel, onNotify) => database.listen(channel, onNotify),
      alone: (work) => database.alone(work),
      close: () => database.close(),
    };
  }

  #countSignatures(signer: Signer): Signer {
    return {
      sign: (algorithm, type, claims) => {
        this.signatures += 1;
        return signer.sign(algorithm, type, claims);
      },
    };
  }

  #countOperations(directory: DirectoryPort): DirectoryPort {
    return {
      find: (username, signal) => {
        this.searches += 1;
        return directory.find(username, signal);
      },
      authenticate: (candidate, password, signal) => {
        this.binds += 1;
        return directory.authenticate(candidate, password, signal);
      },
      findAgain: (reference, signal) => {
        this.searches += 1;
        return directory.findAgain(reference, signal);
      },
      changePassword: (candidate, current, next, signal) => {
        this.binds += 1;
        return directory.changePassword(candidate, current, next, signal);
      },
      lookup: (reference, signal) => {
        this.searches += 1;
        return directory.lookup(reference, signal);
      },
      lookupMany: (id, entryIds, signal) => {
        this.searches += 1;
        return directory.lookupMany(id, entryIds, signal);
      },
      showsGroups: (reference, signal) => {
        this.searches += 1;
        return directory.showsGroups(reference, signal);
      },
    };
  }

  async #countRows(): Promise<void> {
    const run = (text: string) =>
      this.#database.run({ name: `counting_${hash('sha256', text).slice(0, 16)}`, text }, []);
    const { rows } = await run(
      `SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename NOT LIKE 'registry%'
        AND tablename NOT LIKE 'nauthera\\_%' ORDER BY tablename`,
    );
    await run('CREATE SEQUENCE counted_rows');
    await run(
      `CREATE FUNCTION count_row() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM nextval('counted_rows'); RETURN NULL; END $$`,
    );
    for (const { tablename } of rows as { tablename: string }[]) {
      if (backgroundTables.includes(tablename)) continue;
      await run(
        `CREATE TRIGGER counted AFTER INSERT OR UPDATE OR DELETE ON ${tablename} FOR EACH ROW EXECUTE FUNCTION count_row()`,
      );
    }
  }

  async #rows(): Promise<number> {
    const { rows } = await this.#database.run<{ n: number }>(
      {
        name: 'counting_rows',
        text: `SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS n FROM counted_rows`,
      },
      [],
    );
    return rows[0]?.n ?? 0;
  }

  async #now(): Promise<Cost> {
    const { statements, signatures, verifications, searches, binds } = this;
    return { statements, rows: await this.#rows(), signatures, verifications, searches, binds };
  }

  /** What `action` costs. Nothing else may be under way. */
  async costOf<T>(action: () => Promise<T>): Promise<{ readonly cost: Cost; readonly result: T }> {
    const before = await this.#now();
    const result = await action();
    const after = await this.#now();
    const difference = Object.entries(after).map(([name, value]) => [name, value - before[name as keyof Cost]]);
    return { cost: Object.fromEntries(difference) as unknown as Cost, result };
  }

  /** Fails when `action` costs anything but its line in `costs.ts`. */
  async expectCost<T>(name: CostName, action: () => Promise<T>): Promise<T> {
    const from = this.names.length;
    const { cost, result } = await this.costOf(action);
    expect(cost, `${name}: ${this.names.slice(from).join(', ')}`).toEqual(costs[name]);
    return result;
  }
}
