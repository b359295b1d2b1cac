/**
 * A real 389 Directory Server for one suite: its own certificate, data and port, password and account policy, filled
 * from LDIF. Needs Debian's `389-ds-base` and `ldap-utils`; where they lack, it says so and fails.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { chown, copyFile, mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { makeAuthority, type TestAuthority } from './certificates.ts';
import { seed389, suffix389 } from './directory-389-seed.ts';
import { type Administrator, changeDirectory } from './ldap-changes.ts';
import { freePort } from './ports.ts';
import { serviceUser } from './service-user.ts';
import { answersTls } from './tls-answers.ts';

export interface Directory389Options {
  /** Entries below `dc=example,dc=net`. Default: the built-in people (`directory-389-seed.ts`). */
  readonly ldif?: string;
}

export interface Directory389 {
  /** `ldaps://localhost:port` */
  readonly url: string;
  readonly caPem: string;
  readonly authority: TestAuthority;
  readonly baseDn: string;
  readonly bindDn: string;
  readonly bindPassword: string;
  /** Adds entries (LDIF), as the administrator. */
  add(ldif: string): Promise<void>;
  /** Applies change records (LDIF with `changetype`), as the administrator; `cn=config` is the server itself. */
  modify(ldif: string): Promise<void>;
  /** Ends it and removes its data. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const administrator = { dn: 'cn=Directory Manager', password: 'administrator' };
const run = promisify(execFile);
const templates = '/usr/share/dirsrv/data';
const configurations = '/etc/dirsrv';

export async function startDirectory389(options: Directory389Options = {}): Promise<Directory389> {
  if (!existsSync(join(templates, 'template-dse.ldif'))) {
    throw new Error('no 389 Directory Server here: install it (Debian: apt-get install 389-ds-base ldap-utils)');
  }
  const server = new LocalDirectory(await makeAuthority('Test CA of 389'));
  try {
    await server.open(options.ldif ?? seed389);
    return server;
  } catch (error) {
    await server.close();
    throw error;
  }
}

class LocalDirectory implements Directory389 {
  readonly authority: TestAuthority;
  readonly baseDn = suffix389;
  readonly bindDn = `cn=nauthera,ou=services,${suffix389}`;
  readonly bindPassword = 'reads-people-and-groups';
  #port = 0;
  #folder = '';
  #process: ChildProcess | undefined;
  #output = '';
  readonly #removeData = () => {
    if (this.#folder !== '') rmSync(this.#folder, { recursive: true, force: true });
  };

  constructor(authority: TestAuthority) {
    this.authority = authority;
  }

  get url(): string {
    return `ldaps://localhost:${this.#port}`;
  }

  get caPem(): string {
    return this.authority.pem;
  }

  async open(ldif: string): Promise<void> {
    this.#folder = await mkdtemp(join(tmpdir(), 'nauthera-389-'));
    process.once('exit', this.#removeData);
    this.#port = await freePort();
    // Never as root: it becomes that user by itself.
    const user = await serviceUser('389 Directory Server', ['dirsrv', 'nobody']);
    await this.#writeFiles(user?.name ?? userInfo().username);
    if (user !== undefined) await giveTo(this.#folder, user);
    await this.#start();
    // Databases are made by a running server; in its file they stop it.
    await this.modify(database);
    await this.modify(settings);
    await this.add(ldif);
  }

  async #writeFiles(user: string): Promise<void> {
    const inFolder = (name: string) => join(this.#folder, name);
    const configuration = inFolder('config');
    for (const name of ['config', 'config/schema', 'db', 'lock', 'log', 'run', 'bak', 'ldif', 'tmp'])
      await mkdir(inFolder(name));
    await copyFile(join(configurations, 'schema/99user.ldif'), join(configuration, 'schema/99user.ldif'));
    for (const name of ['slapd-collations.conf', 'certmap.conf'])
      await copyFile(join(configurations, 'config', name), join(configuration, name));
    await this.#writeCertificate(configuration);
    const template = await readFile(join(templates, 'template-dse.ldif'), 'utf8');
    await writeFile(join(configuration, 'dse.ldif'), configurationOf(template, this.#folder, this.#port, user));
  }

  /** Its keys stand in a database of its own kind. */
  async #writeCertificate(configuration: string): Promise<void> {
    const { certificatePem, privateKeyPem } = await this.authority.issue();
    const path = (name: string) => join(configuration, name);
    await writeFile(path('certificate.pem'), certificatePem);
    await writeFile(path('key.pem'), privateKeyPem, { mode: 0o600 });
    await writeFile(path('ca.pem'), this.caPem);
    const database = `sql:${configuration}`;
    const exported = ['-export', '-in', path('certificate.pem'), '-inkey', path('key.pem'), '-name', 'Server-Cert'];
    await run('openssl', ['pkcs12', ...exported, '-out', path('server.p12'), '-passout', 'pass:']);
    await run('certutil', ['-N', '-d', database, '--empty-password']);
    await run('pk12util', ['-i', path('server.p12'), '-d', database, '-W', '', '-K', '']);
    await run('certutil', ['-A', '-d', database, '-n', 'ca', '-t', 'CT,,', '-i', path('ca.pem')]);
  }

  async #start(): Promise<void> {
    const pid = join(this.#folder, 'run', 'pid');
    // A debug level keeps it in the foreground.
    const child = spawn('ns-slapd', ['-D', join(this.#folder, 'config'), '-i', pid, '-d', '0'], {
      cwd: this.#folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#process = child;
    child.once('error', (error) => {
      this.#output += error.message;
    });
    child.stderr.on('data', (chunk: Buffer) => {
      this.#output = (this.#output + chunk.toString()).slice(-200_000);
    });
    const endsWithUs = () => child.kill('SIGKILL');
    process.once('exit', endsWithUs);
    child.once('exit', () => process.removeListener('exit', endsWithUs));
    for (const deadline = Date.now() + 120_000; ; await sleep(30)) {
      if (child.exitCode !== null) throw new Error(`ns-slapd ended while starting:\n${await this.#log()}`);
      if (await answersTls('127.0.0.1', this.#port)) return;
      if (Date.now() > deadline) throw new Error(`ns-slapd did not start within two minutes:\n${await this.#log()}`);
    }
  }

  async #log(): Promise<string> {
    const errors = await readFile(join(this.#folder, 'log', 'errors'), 'utf8').catch(() => '');
    return this.#output + errors;
  }

  get #administrator(): Administrator {
    return { url: `ldaps://127.0.0.1:${this.#port}`, ...administrator };
  }

  add(ldif: string): Promise<void> {
    return changeDirectory(this.#administrator, 'add', ldif);
  }

  modify(ldif: string): Promise<void> {
    return changeDirectory(this.#administrator, 'change', ldif);
  }

  async close(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    }
    process.removeListener('exit', this.#removeData);
    this.#removeData();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function configurationOf(template: string, folder: string, port: number, user: string): string {
  const path = (name: string) => join(folder, name);
  const values: Readonly<Record<string, string>> = {
    schema_dir: path('config/schema'),
    lock_dir: path('lock'),
    tmp_dir: path('tmp'),
    cert_dir: path('config'),
    config_dir: path('config'),
    ldif_dir: path('ldif'),
    bak_dir: path('bak'),
    run_dir: path('run'),
    inst_dir: folder,
    log_dir: path('log'),
    db_dir: path('db'),
    db_home_dir: path('db'),
    db_lib: 'bdb',
    fqdn: 'localhost',
    ds_port: '0',
    ds_user: user,
    rootdn: administrator.dn,
    ds_passwd: `{CLEAR}${administrator.password}`,
    ds_suffix: suffix389,
    ldapi_enabled: 'off',
    ldapi: path('run/ldapi'),
    ldapi_autobind: 'off',
  };
  const listening = `nsslapd-port: 0\nnsslapd-secureport: ${port}\nnsslapd-security: on\nnsslapd-securelistenhost: 127.0.0.1`;
  return template
    .replaceAll(/%(\w+)%/g, (whole, name: string) => values[name] ?? whole)
    .replace(/^nsslapd-port: 0$/m, listening)
    .replace(/^(cn: Account Policy Plugin\n(?:nsslapd-.*\n)*?nsslapd-pluginEnabled: )off$/m, '$1on');
}

const database = `dn: cn=userRoot,cn=ldbm database,cn=plugins,cn=config
changetype: add
objectClass: top
objectClass: extensibleObject
objectClass: nsBackendInstance
nsslapd-suffix: ${suffix389}
cn: userRoot

dn: cn="${suffix389}",cn=mapping tree,cn=config
changetype: add
objectClass: top
objectClass: extensibleObject
objectClass: nsMappingTree
cn: ${suffix389}
nsslapd-state: backend
nsslapd-backend: userRoot

`;

/** A cheap hash, for passwords that are no secrets. */
const settings = `dn: cn=config
changetype: modify
replace: passwordStorageScheme
passwordStorageScheme: SSHA512
-
replace: nsslapd-pwpolicy-local
nsslapd-pwpolicy-local: on

`;

async function giveTo(folder: string, { uid, gid }: { readonly uid: number; readonly gid: number }): Promise<void> {
  await chown(folder, uid, gid);
  for (const name of await readdir(folder, { recursive: true })) await chown(join(folder, name), uid, gid);
}
