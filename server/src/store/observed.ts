import type { Database, Runner } from './database.ts';
import { sqlState } from './failures.ts';

export interface StatementObserver {
  readonly done: (statement: string, seconds: number) => void;
  /** By SQLSTATE class (`08`, `23`, …), or `unavailable`. */
  readonly failed: (errorClass: string) => void;
  /** A statement failed that writes audit rows. */
  readonly auditFailed: () => void;
}

/** As `audit.ts` begins every such row. */
const auditInsert = 'INSERT INTO audit ';

/** The same database; every statement is timed by its name. */
export function observed(database: Database, observer: StatementObserver): Database {
  const timed = (runner: Runner): Runner['run'] => {
    return async (statement, values) => {
      const began = performance.now();
      try {
        return await runner.run(statement, values);
      } catch (error) {
        observer.failed(sqlState(error)?.slice(0, 2) ?? 'unavailable');
        if (statement.text.includes(auditInsert)) observer.auditFailed();
        throw error;
      } finally {
        observer.done(statement.name, (performance.now() - began) / 1000);
      }
    };
  };
  return {
    kind: database.kind,
    kysely: database.kysely,
    run: timed(database),
    transaction: (work) =>
      database.transaction((transaction) => work({ inTransaction: true, run: timed(transaction) })),
    listen: (channel, onNotify) => database.listen(channel, onNotify),
    alone: (work) => database.alone(work),
    ...(database.poolCounts === undefined ? {} : { poolCounts: database.poolCounts.bind(database) }),
    close: () => database.close(),
  };
}
