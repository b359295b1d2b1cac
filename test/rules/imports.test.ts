import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Import, importsOf, root, sourceFiles } from './sources.ts';

/**
 * Who may import whom. A room is a folder under `src`; a file beside them is a room of its own. `rooms`: other rooms;
 * a name with a file (`directory/directory.ts`) opens that file alone. `packages`: modules from outside; `node:*` is open
 * unless the room is pure. Types may come from further (`types`).
 */
interface Room {
  readonly rooms?: readonly string[];
  readonly types?: readonly string[];
  readonly packages?: readonly string[];
  /** No clock, no randomness, no I/O: `node:` modules only where named. */
  readonly pure?: readonly string[];
}

const server: Record<string, Room> = {
  // Of node:net what reads addresses.
  protocol: { pure: ['node:crypto', 'node:net'], types: ['registry/registration.ts'] },
  interaction: {
    pure: ['node:zlib'],
    rooms: ['protocol'],
    types: ['directory/verify-consent.ts', 'directory/directory.ts', 'registry/registration.ts', 'keys/keys.ts'],
  },
  grants: {
    rooms: ['protocol', 'tokens', 'directory/verify-consent.ts', 'directory/directory.ts', 'telemetry'],
    types: ['registry', 'keys/keys.ts', 'store'],
  },
  tokens: { rooms: ['protocol'], types: ['registry', 'keys/keys.ts'], packages: ['jose', 'lru-cache'] },
  keys: { rooms: ['protocol'], types: ['store', 'telemetry'], packages: ['jose', 'lru-cache'] },
  directory: {
    rooms: ['protocol'],
    types: ['registry', 'store/database.ts', 'telemetry', 'keys/keys.ts'],
    packages: ['ldapts'],
  },
  store: {
    rooms: ['protocol', 'telemetry'],
    types: ['keys/keys.ts', 'registry/registration.ts'],
    packages: ['kysely', 'kysely/migration', 'pg', '@electric-sql/pglite'],
  },
  registry: {
    rooms: ['protocol', 'store', 'keys/sealer.ts'],
    types: ['keys/keys.ts', 'telemetry'],
    packages: ['kysely', 'typebox', 'typebox/compile', 'typebox/value'],
  },
  http: {
    rooms: ['protocol', 'telemetry'],
    types: ['registry', 'views', 'keys/keys.ts', 'outbound/gate.ts'],
    packages: ['fastify', '@fastify/cookie', 'jose'],
  },
  views: { types: ['protocol'], packages: ['intl-messageformat'] },
  logout: {
    rooms: ['protocol', 'tokens', 'outbound/gate.ts', 'telemetry'],
    types: ['store', 'registry', 'keys/keys.ts'],
  },
  recheck: {
    rooms: ['protocol', 'directory/directory.ts', 'directory/verify-consent.ts', 'grants/regrant.ts', 'telemetry'],
    types: ['store', 'registry'],
  },
  outbound: { rooms: ['protocol'], packages: [] },
  telemetry: {
    rooms: ['protocol'],
    types: ['registry'],
    packages: [
      'pino',
      'prom-client',
      ...['api', 'context-async-hooks', 'core', 'exporter-trace-otlp-proto', 'resources', 'sdk-trace'].map(
        (name) => `@opentelemetry/${name}`,
      ),
    ],
  },
  config: { rooms: ['protocol'], packages: ['typebox', 'typebox/compile', 'typebox/value', 'yaml', 'commander'] },
  endpoints: {
    rooms: [
      'protocol',
      'http',
      'grants',
      'interaction',
      'directory/directory.ts',
      'directory/verify-consent.ts',
      'tokens',
      'registry/snapshot.ts',
      'registry/registration.ts',
      'views',
      'telemetry',
    ],
    types: ['keys/keys.ts', 'store', 'registry', 'outbound/gate.ts'],
    packages: ['fastify'],
  },
};

/** Rooms that mix effects with nothing: PURE ones know no framework, database or directory client. */
const operator: Record<string, Room> = {
  config: { packages: ['node:net', '@nauthera/server/config'] },
  runtime: { packages: ['@kubernetes/client-node', 'undici'] },
  sources: { rooms: ['runtime'], packages: ['@nauthera/crds', 'chokidar', 'yaml'] },
  registrations: { packages: ['@nauthera/crds', '@nauthera/server/registry'] },
  certificates: { packages: ['@peculiar/x509', 'reflect-metadata'] },
  metrics: {
    types: ['controllers', 'runtime'],
    packages: ['@nauthera/crds', '@nauthera/server/registry', 'prom-client'],
  },
  controllers: {
    rooms: ['runtime', 'registrations', 'certificates', 'sources/source.ts', 'sources/children.ts'],
    types: ['sources'],
    packages: ['@nauthera/crds', '@nauthera/server/registry', '@nauthera/server/tracing'],
  },
};

function roomOf(path: string, workspace: string): string {
  const inside = path.slice(`${workspace}/src/`.length);
  return inside.includes('/') ? (inside.split('/')[0] ?? '') : inside;
}

function opens(list: readonly string[] | undefined, target: string): boolean {
  return (list ?? []).some((entry) => target === entry || target.startsWith(`${entry}/`));
}

function violations(workspace: string, room: string, rules: Room): string[] {
  const allowed = (one: Import): boolean => {
    if (one.kind === 'package') {
      if (one.to.startsWith('node:')) return rules.pure === undefined || rules.pure.includes(one.to);
      return (rules.packages ?? []).includes(one.to);
    }
    if (!one.to.startsWith(`${workspace}/src/`)) return false;
    if (roomOf(one.to, workspace) === room) return true;
    const target = one.to.slice(`${workspace}/src/`.length);
    return opens(rules.rooms, target) || (one.typeOnly && opens(rules.types, target));
  };
  return sourceFiles(`${workspace}/src`)
    .filter((path) => roomOf(path, workspace) === room)
    .flatMap(importsOf)
    .filter((one) => !one.to.endsWith('.json') && !allowed(one))
    .map((one) => `${one.from} → ${one.to}`);
}

function folders(workspace: string): string[] {
  const rooms = sourceFiles(`${workspace}/src`)
    .map((path) => roomOf(path, workspace))
    .filter((room) => !room.endsWith('.ts'));
  return [...new Set(rooms)].sort();
}

describe('server rooms', () => {
  it('every room has its rule', () =>
    expect(folders('server').filter((room) => server[room] === undefined)).toEqual([]));
  it.each(Object.entries(server))('%s imports only what it may', (room, rules) => {
    expect(violations('server', room, rules)).toEqual([]);
  });
});

describe('operator rooms', () => {
  it('every room has its rule', () =>
    expect(folders('operator').filter((room) => operator[room] === undefined)).toEqual([]));
  it.each(Object.entries(operator))('%s imports only what it may', (room, rules) => {
    expect(violations('operator', room, rules)).toEqual([]);
  });
});

describe('workspaces', () => {
  const imports = (folder: string) => sourceFiles(folder).flatMap(importsOf);
  const named = (folder: string, prefix: string) =>
    imports(folder)
      .filter((one) => one.to === prefix || one.to.startsWith(`${prefix}/`))
      .map((one) => `${one.from} → ${one.to}`);
  const leaving = (folder: string) =>
    imports(folder)
      .filter((one) => one.kind === 'file' && !one.to.startsWith(`${folder.split('/')[0]}/`))
      .map((one) => `${one.from} → ${one.to}`);

  it.each(['crds/src', 'server/src', 'operator/src', 'examples/src'])(
    '%s reaches no other workspace by path',
    (folder) => {
      expect(leaving(folder)).toEqual([]);
    },
  );
  it('crds imports nothing of ours', () => expect(named('crds/src', '@nauthera')).toEqual([]));
  it('the server does not know the resources: it speaks the RFCs alone', () => {
    expect([...named('server/src', '@nauthera')]).toEqual([]);
  });
  it('examples imports public surfaces only', () => {
    expect(named('examples/src', '@nauthera')).toEqual([]);
  });
  it('the operator imports the registry library, the settings, the log and the traces of the server, and its start in standalone.ts alone', () => {
    const reached = imports('operator/src').filter((one) => one.to.startsWith('@nauthera/server'));
    const wrong = reached.filter(
      (one) =>
        one.to !== '@nauthera/server/registry' &&
        one.to !== '@nauthera/server/config' &&
        one.to !== '@nauthera/server/log' &&
        one.to !== '@nauthera/server/tracing' &&
        !(one.to === '@nauthera/server' && one.from === 'operator/src/standalone.ts'),
    );
    expect(wrong).toEqual([]);
  });
  it('what makes spans is known to one file, which is loaded when there is an endpoint', () => {
    const users = imports('server/src').filter((one) => one.to.startsWith('@opentelemetry/'));
    expect([...new Set(users.map((one) => one.from))]).toEqual(['server/src/telemetry/tracing-sdk.ts']);
    const loading = imports('server/src').filter((one) => one.to === 'server/src/telemetry/tracing-sdk.ts');
    expect(loading.map((one) => one.from)).toEqual(['server/src/telemetry/tracing.ts']);
    expect(readFileSync(join(root, 'server/src/telemetry/tracing.ts'), 'utf8')).toContain(
      "await import('./tracing-sdk.ts')",
    );
  });
  it('nothing imports the tests', () => {
    for (const folder of ['crds/src', 'server/src', 'operator/src', 'examples/src'])
      expect(named(folder, '@nauthera/test')).toEqual([]);
  });
  it('cel-js is known to crds alone, ldapts to the directory and the sample directory', () => {
    const users = (name: string) =>
      ['crds/src', 'server/src', 'operator/src', 'examples/src']
        .flatMap(imports)
        .filter((one) => one.to === name)
        .map((one) => dirname(one.from))
        .filter((folder) => !folder.startsWith('crds/src') || name !== '@marcbachmann/cel-js');
    expect(users('@marcbachmann/cel-js')).toEqual([]);
    expect(
      users('ldapts').filter((folder) => !/^(server\/src\/directory|examples\/src\/directory)/.test(folder)),
    ).toEqual([]);
  });
});
