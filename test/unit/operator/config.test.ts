import { describe, expect, it } from 'vitest';
import { releaseSettings } from '../../../operator/src/config/release.ts';
import { runSettings } from '../../../operator/src/config/run.ts';
import { risksOf, standaloneSettings } from '../../../operator/src/config/standalone.ts';
import { loadSettings, type SettingSources } from '../../../server/src/config/load.ts';

const flags = { resources: 'r', database: 'pglite:d', listen: '127.0.0.1:8080' };
const nothing: SettingSources = {
  flags: {},
  environment: {},
  configFile: undefined,
  readFile: () => {
    throw new Error('no such file');
  },
};
const load = (more: Partial<SettingSources> = {}) => loadSettings(standaloneSettings, { ...nothing, flags, ...more });
const settings = (more: Partial<SettingSources> = {}) => {
  const loaded = load(more);
  if (loaded.outcome === 'refused') throw new Error(loaded.problems.join('; '));
  return loaded;
};

describe('settings of standalone', () => {
  it('have their defaults', () => {
    expect(settings().values).toEqual({
      resources: 'r',
      database: { url: 'pglite:d', folder: 'd' },
      listen: { host: '127.0.0.1', port: 8080 },
      management: { host: '127.0.0.1', port: 9090 },
      sourceName: 'folder',
      logLevel: 'info',
      logFormat: 'text',
    });
  });

  it('flag before environment before file before default', () => {
    const file = {
      configFile: 'c.yaml',
      readFile: () => 'listen: 127.0.0.1:1\nmanagement: 127.0.0.1:2\nsourceName: from-file\n',
    };
    const environment = { NAUTHERA_MANAGEMENT: '127.0.0.1:3', NAUTHERA_LISTEN: '127.0.0.1:4' };
    expect(settings({ ...file, environment }).values).toMatchObject({
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
    expect(given.values.database).toEqual({ url: 'postgres://u:canary@db/x', folder: undefined });
    expect(given.warnings).toEqual([]);
  });

  it('all problems are told at once, each with its source, none with a secret', () => {
    const loaded = load({
      flags: { database: 'mysql://u:canary@x', listen: 'here' },
      environment: { NAUTHERA_MANAGEMENT: '127.0.0.1:99999', NAUTHERA_LOG_LEVEL: 'loud' },
      configFile: 'c.yaml',
      readFile: () => 'sourceNam: x\nlogFormat: [1]\n',
    });
    expect(loaded.outcome === 'refused' && loaded.problems).toEqual([
      'c.yaml: sourceNam is no setting; did you mean sourceName?',
      'c.yaml: logFormat must be text',
      '--resources is needed: give the flag, NAUTHERA_RESOURCES, or resources in the configuration file',
      '--database: must be postgres://user@host/database or pglite:FOLDER',
      '--listen: must be HOST:PORT, e.g. 127.0.0.1:8080 or [::1]:8080, not "here"',
      'NAUTHERA_MANAGEMENT: must be HOST:PORT, e.g. 127.0.0.1:8080 or [::1]:8080, not "127.0.0.1:99999"',
      'NAUTHERA_LOG_LEVEL: must be one of debug, info, warn, error, not "loud"',
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
    const loaded = settings({ flags: given });
    const warnings = [...loaded.warnings, ...risksOf(loaded.values)];
    expect(warnings).toHaveLength(warning === undefined ? 0 : 1);
    if (warning !== undefined) expect(warnings[0]).toMatch(warning);
    expect(warnings.join()).not.toContain('canary');
  });
});

describe('settings of run', () => {
  const run = (more: Partial<SettingSources> = {}) => loadSettings(runSettings, { ...nothing, ...more });

  it('in a pod nothing needs to be said', () => {
    expect(run()).toEqual({
      outcome: 'loaded',
      values: {
        watchSecrets: true,
        serverImagePullPolicy: 'IfNotPresent',
        serverImagePullSecrets: [],
        tracingCidrs: [],
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
      values: { watchNamespaces: ['auth', 'shop'], watchSecrets: false },
    });
    expect(run({ environment: { NAUTHERA_WATCH_NAMESPACES: 'auth' } })).toMatchObject({
      values: { watchNamespaces: ['auth'] },
    });
  });

  it('networks of a collector are a list', () => {
    expect(run({ flags: { tracingCidrs: '10.3.0.0/16, fd00::/8' } })).toMatchObject({
      values: { tracingCidrs: ['10.3.0.0/16', 'fd00::/8'] },
    });
  });

  it.each([
    [{ watchNamespaces: 'auth,,shop' }, '--watch-namespaces'],
    [{ watchNamespaces: 'auth/../shop' }, '--watch-namespaces'],
    [{ namespace: 'Auth' }, '--namespace'],
    [{ watchSecrets: 'yes' }, '--watch-secrets: must be one of true, false, not "yes"'],
    [{ kubeconfig: '' }, '--kubeconfig'],
    [{ workers: '0' }, '--workers: must be 1 to 100, not "0"'],
    [{ workers: '1e1' }, '--workers'],
    [{ serverImage: 'an image' }, '--server-image'],
    [{ serverImagePullSecrets: 'a,,b' }, '--server-image-pull-secrets'],
    [{ defaultServerConfigMap: '-' }, '--default-server-config-map'],
    [{ tracingCidrs: 'collector' }, '--tracing-cidrs'],
    [{ tracingCidrs: '10.3.0.7' }, '--tracing-cidrs'],
    [{ tracingCidrs: '10.3.0.0/33' }, '--tracing-cidrs'],
    [{ tracingCidrs: 'fd00::/8,10.3.0.0/16/2' }, '--tracing-cidrs'],
  ])('%j is refused', (flags, problem) => {
    expect(run({ flags })).toMatchObject({ problems: [expect.stringContaining(problem)] });
  });
});

describe('settings of release', () => {
  const release = (more: Partial<SettingSources> = {}) => loadSettings(releaseSettings, { ...nothing, ...more });

  it('in the hook of the chart: where the Lease is, which namespaces, and how long', () => {
    const flags = { namespace: 'nauthera-system', watchNamespaces: 'shop,auth', timeout: '60' };
    expect(release({ flags })).toMatchObject({
      values: { namespace: 'nauthera-system', watchNamespaces: ['shop', 'auth'], timeout: 60 },
      warnings: [],
    });
    expect(release()).toEqual({ outcome: 'loaded', values: { timeout: 120 }, warnings: [] });
  });

  it.each([
    [{ timeout: '0' }, '--timeout: must be 1 to 3600 seconds, not "0"'],
    [{ timeout: '2m' }, '--timeout'],
    [{ timeout: '3601' }, '--timeout'],
    [{ watchNamespaces: 'auth,,shop' }, '--watch-namespaces'],
    [{ namespace: 'auth/../shop' }, '--namespace'],
    [{ kubeconfig: '' }, '--kubeconfig'],
  ])('%j is refused', (flags, problem) => {
    expect(release({ flags })).toMatchObject({ problems: [expect.stringContaining(problem)] });
  });
});
