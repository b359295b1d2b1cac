/**
 * The product as a process of its own, for tests that kill it: `node product-process.ts RESOURCES DATABASE_URL [WRITES]`.
 * With WRITES it kills itself (SIGKILL) right after that many writes to the registry or the Secrets. Prints its management
 * URL, and the number of its writes on SIGTERM.
 */
import type { Seams } from '../../operator/src/standalone.ts';
import { createLog, startStandalone } from '../../operator/src/standalone.ts';

const [, , resources = '', url = '', limit] = process.argv;
const killAfter = limit === undefined ? Number.POSITIVE_INFINITY : Number(limit);
let writes = 0;

function counted<T extends object>(port: T, names: readonly string[]): T {
  return new Proxy(port, {
    get(target, name, receiver) {
      const member: unknown = Reflect.get(target, name, receiver);
      if (typeof member !== 'function') return member;
      if (!names.includes(String(name)))
        return (...values: unknown[]) => Reflect.apply(member, target, values) as unknown;
      return async (...values: unknown[]) => {
        if (writes >= killAfter) return new Promise(() => undefined);
        const result: unknown = await Reflect.apply(member, target, values);
        writes += 1;
        if (writes >= killAfter) process.kill(process.pid, 'SIGKILL');
        return result;
      };
    },
  });
}

const seams: Seams = {
  registry: (registry) => counted(registry, ['put', 'putMany', 'delete', 'putIdentity', 'deleteIdentity']),
  secrets: (secrets) => counted(secrets, ['create', 'update', 'delete']),
};
const standalone = await startStandalone({
  resources,
  database: { url, folder: undefined },
  listen: { host: '127.0.0.1', port: 0 },
  management: { host: '127.0.0.1', port: 0 },
  keyFile: undefined,
  secrets: undefined,
  sourceName: 'folder',
  version: '0.0.0',
  log: createLog({ level: 'error', format: 'text', service: 'test', version: '0', destination: process.stderr }),
  seams,
});
console.log(standalone.managementUrl);
process.once('SIGTERM', () => {
  const before = writes;
  void standalone.stop().then(() => console.log(`writes ${before}`));
});
