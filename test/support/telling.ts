import type { Database } from '../../server/src/store/database.ts';

/** The same database, telling the name of every statement. */
export function telling(database: Database, names: string[]): Database {
  return new Proxy(database, {
    get(target, member) {
      if (member === 'run') {
        return ((statement, values) => {
          names.push(statement.name);
          return target.run(statement, values);
        }) satisfies Database['run'];
      }
      const value: unknown = Reflect.get(target, member, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
