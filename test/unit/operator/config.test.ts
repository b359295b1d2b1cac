import { describe, expect, it } from 'vitest';
import { loadRunSettings, loadStandaloneSettings, type SettingSources } from '../../../operator/src/config.ts';

const flags = { resources: 'r', database: 'pglite:d', listen: '127.0.0.1:8080' };
const load = (more: Partial<SettingSources> = {}) =>
  loadStandaloneSettings({
    flags,
    environment: {},
    readFile: () => {
      throw new Error('no such file');
    },
    ...more,
  });
const settings = (more: Partial<SettingSources> = {}) => {
  const loaded = load(more);
  if ('problems' in loaded) throw new Error(loaded.problems.join('; '));
  return loaded;
};

describe('settings of standalone', () => {
  it('have their defaults', () => {
    expect(settings().settings).toEqual({
      resources: 'r',
      database: { url: 'pglite:d', folder: 'd' },
      listen: { host: '127.0.0.1', port: 8080 },
      management: { host: '127.0.0.1', port: 9090 },
      keyFile: undefined,
      secrets: undefined,
      sourceName: 'folder',
      logLevel: 'info',
      logFormat: 'text',
    });
  });

  it('flag before environment before file before default', () => {
    const file = { path: 'c.yaml', text: 'listen: 127.0.0.1:1\nmanagement: 127.0.0.1:2\nsourceName: from-file\n' };
    const environment = { NAUTHERA_MANAGEMENT: '127.0.0.1:3', NAUTHERA_LISTEN: '127.0.0.1:4' };
    expect(settings({ file, environment }).settings).toMatchObject({
      listen: { port: 8080 },
      management: { port: 3 },
      sourceName: 'from-file',
    });
  });

  it('a secret may come from a file, without its last newline', () => {
    const given = settings({
      flags: { ...flags, database: undefined },
      environment: { NAUTHERA_DATABASE_FILE: '/run/url' },
      readFile: (path) => (path === '/run/url' ? 'postgres://u:canary@db/x\n' : ''),
    });
    expect(given.settings.database).toEqual({ url: 'postgres://u:canary@db/x', folder: undefined });
    expect(given.warnings).toEqual([]);
  });

  it('all problems are told at once, each with its source, none with a secret', () => {
    const loaded = load({
      flags: { database: 'mysql://u:canary@x', listen: 'here' },
      environment: { NAUTHERA_MANAGEMENT: '127.0.0.1:99999', NAUTHERA_LOG_LEVEL: 'loud' },
      file: { path: 'c.yaml', text: 'sourceNam: x\nlogFormat: [1]\n' },
    });
    expect('problems' in loaded && loaded.problems).toEqual([
      'c.yaml: unknown setting "sourceNam": did you mean sourceName?',
      '--resources is missing: give --resources FOLDER or set NAUTHERA_RESOURCES',
      '--database (from the command line) is not a Postgres URL: write postgres://user@host/database or pglite:FOLDER',
      '--listen "here" (from the command line) is not HOST:PORT, such as 127.0.0.1:8080',
      '--management "127.0.0.1:99999" (from NAUTHERA_MANAGEMENT) is not HOST:PORT, such as 127.0.0.1:8080',
      '--log-level "loud" (from NAUTHERA_LOG_LEVEL) must be one of debug, info, warn, error',
      '--log-format (from c.yaml) must be a text',
    ]);
  });

  it.each<readonly [string, SettingSources['flags'], RegExp | undefined]>([
    ['an embedded database', flags, /power cut/],
    ['a password on the command line', { ...flags, database: 'postgres://u:canary@db/x' }, /NAUTHERA_DATABASE_FILE/],
    ['none in the URL', { ...flags, database: 'postgres://u@db/x' }, undefined],
    [
      'an address that others reach',
      { ...flags, database: 'postgres://u@db/x', listen: '0.0.0.0:8080' },
      /without TLS/,
    ],
    [
      'such an address with a certificate',
      { ...flags, database: 'postgres://u@db/x', listen: '0.0.0.0:8080', tlsFolder: '/tls' },
      undefined,
    ],
    [
      'a management address that others reach',
      { ...flags, database: 'postgres://u@db/x', management: '[::]:9090' },
      /no login/,
    ],
  ])('warns of %s', (_, given, warning) => {
    const { warnings } = settings({ flags: given });
    expect(warnings).toHaveLength(warning === undefined ? 0 : 1);
    if (warning !== undefined) expect(warnings[0]).toMatch(warning);
    expect(warnings.join()).not.toContain('canary');
  });
});

describe('settings of run', () => {
  const run = (more: Partial<SettingSources> = {}) =>
    loadRunSettings({ flags: {}, environment: {}, readFile: () => '', ...more });

  it('in a pod nothing needs to be said', () => {
    expect(run()).toEqual({
      settings: {
        kubeconfig: undefined,
        namespace: undefined,
        watchNamespaces: undefined,
        watchSecrets: true,
        serverImage: undefined,
        serverImagePullPolicy: 'IfNotPresent',
        serverImagePullSecrets: [],
        tracingCidrs: [],
        defaultServerConfigMap: undefined,
        workers: 10,
        management: { host: '127.0.0.1', port: 9090 },
        logLevel: 'info',
        logFormat: 'json',
      },
      warnings: [],
    });
  });

  it('namespaces are a list, each once, from wherever they are given', () => {
    const watchSecrets = { NAUTHERA_WATCH_SECRETS: 'false' };
    expect(run({ flags: { watchNamespaces: 'auth, shop,auth' }, environment: watchSecrets })).toMatchObject({
      settings: { watchNamespaces: ['auth', 'shop'], watchSecrets: false },
    });
    expect(run({ environment: { NAUTHERA_WATCH_NAMESPACES: 'auth' } })).toMatchObject({
      settings: { watchNamespaces: ['auth'] },
    });
  });

  it('networks of a collector are a list', () => {
    expect(run({ flags: { tracingCidrs: '10.3.0.0/16, fd00::/8' } })).toMatchObject({
      settings: { tracingCidrs: ['10.3.0.0/16', 'fd00::/8'] },
    });
  });

  it.each([
    [{ watchNamespaces: 'auth,,shop' }, '--watch-namespaces'],
    [{ watchNamespaces: 'auth/../shop' }, '--watch-namespaces'],
    [{ namespace: 'Auth' }, '--namespace'],
    [{ watchSecrets: 'yes' }, '--watch-secrets "yes" (from the command line) must be one of true, false'],
    [{ kubeconfig: '' }, '--kubeconfig'],
    [{ tracingCidrs: 'collector' }, '--tracing-cidrs'],
    [{ tracingCidrs: '10.3.0.7' }, '--tracing-cidrs'],
    [{ tracingCidrs: '10.3.0.0/33' }, '--tracing-cidrs'],
    [{ tracingCidrs: 'fd00::/8,10.3.0.0/16/2' }, '--tracing-cidrs'],
  ])('%j is refused', (flags, problem) => {
    expect(run({ flags })).toMatchObject({ problems: [expect.stringContaining(problem)] });
  });
});
