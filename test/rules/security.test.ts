/** What no line of the product may do, found in the sources themselves: a review that is never tired. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ourFunctions } from '../../server/src/store/migrations/closed-functions.ts';
import { importsOf, root, sourceFiles } from './sources.ts';

const files = ['server/src', 'operator/src'].flatMap(sourceFiles);
const texts = new Map(files.map((path) => [path, readFileSync(join(root, path), 'utf8')]));

/** `file: line` of every line that matches. */
function lines(pattern: RegExp, from: readonly string[] = files): string[] {
  return from.flatMap((path) =>
    (texts.get(path) ?? '')
      .split('\n')
      .filter((line) => pattern.test(line) && !/^\s*(?:\*|\/\/)/.test(line))
      .map((line) => `${path}: ${line.trim()}`),
  );
}

describe('what the sources never do', () => {
  it('A68: SQL is text of ours: no statement is put together where a request is at hand', () => {
    // Statements are constants with a name; what a request brings is a parameter.
    const inline = [...texts].flatMap(([path, text]) =>
      [...text.matchAll(/\.run(?:<[^(]*>)?\(\s*(\{[^}]*\}|`[^`]*`)/g)]
        .filter(([, first]) => first?.includes('${'))
        .map(() => path),
    );
    expect(inline).toEqual([]);
    // Beside migrations and what runs them: commands of somebody on duty, where no request is. Names of roles are escaped.
    const byHand = /^server\/src\/store\/(?:migrations\/|(?:migrate|restored|roles)\.ts: )/;
    expect(lines(/sql\.raw\(/).filter((line) => !byHand.test(line))).toEqual([]);
    expect(lines(/\bquery\(\s*`[^`]*\$\{/)).toEqual([]);
  });

  it('A74: a function with its owner’s rights names where it looks, temporary tables last', () => {
    const migrations = files.filter((path) => path.startsWith('server/src/store/migrations/'));
    // What captures its caller's path would look into the caller's temporary tables first; these are closed by `0021`.
    const closedLater = /^server\/src\/store\/migrations\/(?:access-tokens|registry-functions|secret-uses)\.ts: /;
    const careless = lines(/SECURITY DEFINER|search_path FROM CURRENT/i).filter(
      (line) => !/SECURITY DEFINER SET search_path = \S+, pg_temp\b/.test(line),
    );
    expect(careless.filter((line) => !closedLater.test(line))).toEqual([]);
    expect(careless).toHaveLength(3);
    // By its name each is found, to be closed to everybody else.
    const named = migrations.flatMap((path) =>
      [...(texts.get(path) ?? '').matchAll(/CREATE (?:OR REPLACE )?FUNCTION (\S+?)\(/g)].map(([, name]) => name ?? ''),
    );
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((name) => !new RegExp(ourFunctions).test(name))).toEqual([]);
  });

  it('A81: secrets are compared in constant time', () => {
    const secret =
      /(?<!typeof )\b\w*(?:digest|secret|password|token|mac|handle|signature|cookie)\b(?:\[\w+\])?\s*[!=]== (?!undefined|null|true|false|''|""|typeof)/i;
    // Of a file; and digests of the operator's own records among each other, which nobody presents.
    const known =
      /^operator\/src\/(?:sources\/folder-reader\.ts: before\?\.signature|controllers\/client\/[\w-]+\.ts: .*\bdigest\b)/;
    expect(lines(secret).filter((line) => !known.test(line))).toEqual([]);
    expect(lines(/timingSafeEqual\(/).length).toBeGreaterThan(1);
  });

  it('A42: an LDAP filter is a tree, never text with a value in it', () => {
    const directory = files.filter((path) => path.startsWith('server/src/directory/'));
    expect(directory.length).toBeGreaterThan(10);
    expect(lines(/`[^`]*\([^`]*=\$\{|escapeFilter|'\([a-zA-Z]+='\s*\+/, directory)).toEqual([]);
  });

  it('A60, A75: one gate calls what a client named, the operator its API server alone, by one agent', () => {
    const clients = files
      .flatMap(importsOf)
      .filter(({ to, typeOnly }) => !typeOnly && /^(?:node:https?|undici|axios|got)$/.test(to))
      .map(({ from, to }) => `${from} → ${to}`);
    expect(clients).toEqual([
      // A listener.
      'server/src/http/secure-server.ts → node:https',
      'server/src/outbound/exchange.ts → node:https',
      // A command asks the issuer that it was given.
      'server/src/probe.ts → node:http',
      'server/src/probe.ts → node:https',
      // Where the agent is made; and a listener.
      'operator/src/runtime/kubernetes-connection.ts → undici',
      'operator/src/runtime/management.ts → node:http',
    ]);
    const opened = files.flatMap(importsOf).filter(({ to, typeOnly }) => !typeOnly && /\/outbound\/(?!gate)/.test(to));
    expect(opened.map(({ from }) => from).filter((from) => !from.startsWith('server/src/outbound/'))).toEqual([
      'server/src/parts.ts',
    ]);
    expect(lines(/\bfetch\(/)).toEqual([]);
    expect(lines(/\bagent\.request\(/).map((line) => line.split(':')[0])).toEqual([
      'operator/src/runtime/kubernetes-client.ts',
    ]);
    expect(lines(/\.request\(/).filter((line) => !line.startsWith('operator/src/'))).toEqual([]);
  });

  it('A69: no HTTP/2 listener of ours', () => {
    expect(files.flatMap(importsOf).filter(({ to }) => to === 'node:http2')).toEqual([]);
    expect(lines(/\bhttp2\b/)).toEqual([]);
  });

  it('A53: one place reads our JWTs and one those of clients, with the algorithm of the key and never of the header', () => {
    const ofClients = 'server/src/http/client-assertion.ts';
    const jose = files.flatMap(importsOf).filter(({ to, typeOnly }) => to === 'jose' && !typeOnly);
    expect(jose.map(({ from }) => from).filter((from) => !from.startsWith('server/src/keys/'))).toEqual([ofClients]);
    expect(lines(/decodeJwt|jwtVerify/).filter((line) => !line.startsWith(`${ofClients}: `))).toEqual([]);
    expect(lines(/createRemoteJWKSet|createLocalJWKSet|EmbeddedJWK/)).toEqual([]);
  });

  it('RFC 9700 §4.12: a redirect is 303 and nothing else', () => {
    const server = files.filter((path) => path.startsWith('server/src/'));
    // Browsers repeat a POST, password included, where 307 and 308 point, and may do so for 301 and 302.
    expect(lines(/\b30[1278]\b|\.redirect\(/, server)).toEqual([]);
    const leading = server.filter((path) => /header\('location'/.test(texts.get(path) ?? ''));
    expect(leading.length).toBeGreaterThan(1);
    expect(leading.filter((path) => !/\.code\(303\)/.test(texts.get(path) ?? ''))).toEqual([]);
  });

  it('I4: no secret goes to a child process: there is none', () => {
    expect(files.flatMap(importsOf).filter(({ to }) => /child_process|worker_threads|node:cluster/.test(to))).toEqual(
      [],
    );
    const environment = lines(/process\.env/).filter(
      (line) => !/^(?:server\/src\/command-line|(?:server|operator)\/src\/main)\.ts:/.test(line),
    );
    expect(environment).toEqual([]);
    const commandLine =
      /^(?:server|operator)\/src\/(?:main|generate|config\/generate|telemetry\/(?:audit|logs)-document)\.ts:/;
    expect(lines(/process\.argv/).filter((line) => !commandLine.test(line))).toEqual([]);
  });

  it('nothing is run that was text: no eval, no Function, no dynamic import of a value', () => {
    expect(lines(/\beval\(|new Function\(|\bimport\((?!'[^']+'\))/)).toEqual([]);
  });

  it('only what a crash may lose is written without waiting for the disk', () => {
    const soft = files.flatMap((path) =>
      [...(texts.get(path) ?? '').matchAll(/set_config\('synchronous_commit'/g)].map(() => path),
    );
    // A code without a form, a session that begins, "last seen", an opaque access token, a device code and its last poll, a
    // heartbeat that tells of no use of a secret.
    expect(soft.toSorted()).toEqual([
      'server/src/registry/heartbeat.ts',
      'server/src/store/access-tokens.ts',
      'server/src/store/authorization-codes.ts',
      'server/src/store/device-codes.ts',
      'server/src/store/device-codes.ts',
      'server/src/store/sessions.ts',
      'server/src/store/sessions.ts',
    ]);
  });
});

describe('A70: supply chain', () => {
  it('no script of a package runs: neither in the set-up nor by habit', () => {
    expect(readFileSync(join(root, '.npmrc'), 'utf8')).toMatch(/^ignore-scripts=true$/m);
    const setup = readFileSync(join(root, 'setup.mjs'), 'utf8');
    expect(setup).toMatch(/'ci', '--ignore-scripts'/);
    const others = ['.ci/run', 'package.json'].map((path) => readFileSync(join(root, path), 'utf8')).join('\n');
    expect(others).not.toMatch(/npm (?:install|i|add|update)\b|npx --yes/);
  });

  it('what the product needs at run time stays few', () => {
    const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { dev?: boolean; optional?: boolean; link?: boolean }>;
    };
    const needed = Object.entries(packages).filter(
      ([path, entry]) =>
        path.startsWith('node_modules/') && entry.dev !== true && entry.optional !== true && entry.link !== true,
    );
    // A budget: raise it only with a reason in the commit.
    expect(needed.length).toBeLessThanOrEqual(330);
  });
});
