import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseAddress } from '../../../server/src/config/address.ts';
import { KeyFileInvalid, readKeyFile, requireOutsideDatabase } from '../../../server/src/config/key-file.ts';
import { loadSettings, type SettingSources } from '../../../server/src/config/load.ts';
import { serveSettings } from '../../../server/src/config/settings.ts';
import { settingsTable } from '../../../server/src/config/table.ts';

const files: Record<string, string> = {
  'c.yaml': 'listen: 127.0.0.1:1\nlogLevel: warn\n',
  'bad.yaml': 'listne: x\nlisten: [1]\n',
  'broken.yaml': '{',
  secret: 'postgres://a:b@db/x\n',
};
const load = (sources: Partial<SettingSources>) =>
  loadSettings(serveSettings, {
    flags: {},
    environment: {},
    configFile: undefined,
    readFile: (path) => {
      const text = files[path];
      if (text === undefined) throw new Error('no such file');
      return text;
    },
    ...sources,
  });
const enough = { NAUTHERA_DATABASE: 'pglite:x', NAUTHERA_KEY_FILE: '/k' };

describe('settings', () => {
  it('flag before environment before file before default', () => {
    const all = {
      flags: { listen: '127.0.0.1:3' },
      environment: { ...enough, NAUTHERA_LISTEN: '127.0.0.1:2' },
      configFile: 'c.yaml',
    };
    const portOf = (sources: Partial<SettingSources>) => {
      const loaded = load(sources);
      return loaded.outcome === 'loaded' ? loaded.values.listen.port : loaded.problems;
    };
    expect(portOf(all)).toBe(3);
    expect(portOf({ ...all, flags: {} })).toBe(2);
    expect(portOf({ ...all, flags: {}, environment: enough })).toBe(1);
    expect(portOf({ environment: enough })).toBe(8080);
  });

  it('a secret may stand in a file', () => {
    const loaded = load({ environment: { NAUTHERA_DATABASE_FILE: 'secret', NAUTHERA_KEY_FILE: '/k' } });
    expect(loaded).toMatchObject({ outcome: 'loaded', values: { database: 'postgres://a:b@db/x' }, warnings: [] });
  });

  it('one of the database and its folder, not both and not none', () => {
    const folder = { NAUTHERA_DATABASE_FOLDER: '/d', NAUTHERA_KEY_FILE: '/k' };
    expect(load({ environment: folder })).toMatchObject({ outcome: 'loaded', values: { databaseFolder: '/d' } });
    expect(load({ environment: { ...folder, ...enough } })).toEqual({
      outcome: 'refused',
      problems: ['NAUTHERA_DATABASE and NAUTHERA_DATABASE_FOLDER: give one of --database and --database-folder'],
    });
    expect(load({ environment: { NAUTHERA_KEY_FILE: '/k' } })).toMatchObject({
      problems: [expect.stringMatching(/^--database is needed.*; or --database-folder in its place$/)],
    });
  });

  it('a password in a flag is warned about, without showing it', () => {
    const loaded = load({ flags: { database: 'postgres://a:geheim@db/x', keyFile: '/k' } });
    expect(loaded).toMatchObject({ outcome: 'loaded', warnings: [expect.stringContaining('--database')] });
    expect(JSON.stringify(loaded.outcome === 'loaded' && loaded.warnings)).not.toContain('geheim');
  });

  it('all problems are told at once, each with its source and no secret', () => {
    const loaded = load({
      flags: { listen: 'nowhere', logLevel: 'loud' },
      environment: { NAUTHERA_DATABASE: 'mysql://a:geheim@db', NAUTHERA_MANAGEMENT: 'x:99999' },
      configFile: 'bad.yaml',
    });
    expect(loaded.outcome).toBe('refused');
    const problems = loaded.outcome === 'refused' ? loaded.problems.join('\n') : '';
    for (const part of [
      'bad.yaml: listne is no setting; did you mean listen?',
      'bad.yaml: listen must be text',
      '--listen: must be HOST:PORT, e.g. 127.0.0.1:8080 or [::1]:8080, not "nowhere"',
      '--log-level: must be one of debug, info, warn, error, not "loud"',
      'NAUTHERA_DATABASE: must be postgres://',
      'NAUTHERA_MANAGEMENT: must be HOST:PORT',
      '--key-file is needed',
    ]) {
      expect(problems).toContain(part);
    }
    expect(problems).not.toContain('geheim');
  });

  it.each([
    [{ configFile: 'broken.yaml', environment: enough }, 'broken.yaml: cannot be read as YAML'],
    [{ configFile: 'absent.yaml', environment: enough }, 'absent.yaml: cannot be read as YAML'],
    [
      { environment: { ...enough, NAUTHERA_DATABASE: '', NAUTHERA_DATABASE_FILE: 'absent' } },
      'NAUTHERA_DATABASE_FILE: the file cannot be read',
    ],
  ])('%j is refused', (sources, problem) => {
    const loaded = load(sources);
    expect(loaded.outcome === 'refused' ? loaded.problems : []).toContain(problem);
  });

  it.each([
    ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
    ['[::1]:65535', { host: '::1', port: 65_535 }],
    ['localhost:80', { host: 'localhost', port: 80 }],
  ])('the address %s', (text, address) => expect(parseAddress(text)).toEqual(address));
  it.each(['', ':80', 'a', 'a:', 'a:b', 'a:65536', '::1:80', 'a:1:2', 'a:-1', 'a: 1'])('no address: %j', (text) =>
    expect(() => parseAddress(text)).toThrow(RangeError),
  );

  it("the README's table is up to date", () => {
    const readme = readFileSync(new URL('../../../server/README.md', import.meta.url), 'utf8');
    expect(readme).toContain(settingsTable(serveSettings));
  });
});

describe('the key file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'nauthera-key-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const write = (name: string, text: string, mode = 0o600) => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode });
    return path;
  };
  const line = (byte: number) => Buffer.alloc(32, byte).toString('base64');

  it('is made once, for its owner alone', () => {
    const path = join(folder, 'made');
    const first = readKeyFile(path);
    expect(first.made).toBe(true);
    expect(first.keys[0]).toHaveLength(32);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readKeyFile(path)).toEqual({ keys: first.keys, made: false });
  });

  it('holds one key, or two with the newer one first', () => {
    expect(readKeyFile(write('one', line(1))).keys).toEqual([Buffer.alloc(32, 1)]);
    expect(readKeyFile(write('two', `${line(1)}\n${line(2)}\n`)).keys).toEqual([
      Buffer.alloc(32, 1),
      Buffer.alloc(32, 2),
    ]);
  });

  it.each([
    ['empty', ''],
    ['short', Buffer.alloc(31).toString('base64')],
    ['hexadecimal', Buffer.alloc(32).toString('hex')],
    ['three', [line(1), line(2), line(3)].join('\n')],
    ['spaced', ` ${line(1)}`],
  ])('A84: refuses a file that is %s, without showing it', (name, text) => {
    const path = write(name, text);
    expect(() => readKeyFile(path)).toThrow(KeyFileInvalid);
    if (text !== '') expect(() => readKeyFile(path)).not.toThrow(text);
  });

  it('refuses a file that everybody can read', () =>
    expect(() => readKeyFile(write('open', line(1), 0o644))).toThrow(/chmod 600/));

  it('lies outside the database folder', () => {
    expect(() => requireOutsideDatabase(join(folder, 'db/key'), `pglite:${folder}/db`)).toThrow(KeyFileInvalid);
    expect(() => requireOutsideDatabase(join(folder, 'db-key'), `pglite:${folder}/db`)).not.toThrow();
    expect(() => requireOutsideDatabase('key', 'pglite:')).not.toThrow();
    expect(() => requireOutsideDatabase('key', 'postgres://db/x')).not.toThrow();
  });
});
