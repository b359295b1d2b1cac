/**
 * A real OpenLDAP server for one suite: its own certificate, data and port, the overlays memberof and ppolicy, filled from
 * LDIF. Needs Debian's `slapd` and `ldap-utils` (or the same programs elsewhere); where they lack, it says so and fails.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'ldapts';
import { makeAuthority, type ServingCertificate, type TestAuthority } from './certificates.ts';
import { type Administrator, changeDirectory } from './ldap-changes.ts';
import { freePort } from './ports.ts';
import { serviceUser } from './service-user.ts';
import { seed, seedSuffix } from './slapd-seed.ts';
import { answersTls } from './tls-answers.ts';

export interface SlapdOptions {
  /** Default: that of the built-in people (`slapd-seed.ts`). Give both or neither. */
  readonly suffix?: string;
  readonly ldif?: string;
  /** Default: `cn=nauthera,ou=services,<suffix>` with the password of the built-in entry. */
  readonly bindDn?: string;
  readonly bindPassword?: string;
  /** Default: issued by an authority of its own for `localhost` and 127.0.0.1. Only the named parts are replaced. */
  readonly certificate?: ServingCertificate;
  readonly authority?: TestAuthority;
  /** Further lines of the database's part of slapd.conf, e.g. `sizelimit 5` or `limits …`. */
  readonly settings?: readonly string[];
  /** Lines of the global part, e.g. `idletimeout 1`. */
  readonly globalSettings?: readonly string[];
}

/** What slapd says it did (`loglevel stats`). */
export interface SlapdOperations {
  readonly connections: number;
  /** So many of them are closed. */
  readonly closed: number;
  /** DNs in the order of the binds; anonymous: the empty string. */
  readonly binds: readonly string[];
  /** Filters in the order of the searches. */
  readonly searches: readonly string[];
}

export interface Slapd {
  /** `ldaps://localhost:port` */
  readonly url: string;
  readonly port: number;
  readonly caPem: string;
  readonly authority: TestAuthority;
  readonly baseDn: string;
  readonly bindDn: string;
  readonly bindPassword: string;
  /** Adds entries (LDIF), as the administrator. */
  add(ldif: string): Promise<void>;
  /** Applies change records (LDIF with `changetype`), as the administrator. */
  modify(ldif: string): Promise<void>;
  /** Locks an account for good, as an administrator does. */
  lock(dn: string): Promise<void>;
  unlock(dn: string): Promise<void>;
  /** What was logged since the start or the last {@link clearLog}; the newest lines may still be on their way. */
  log(): string;
  /** Resolves when everything logged so far is forgotten. */
  clearLog(): Promise<void>;
  /** Resolves when everything done so far is counted. */
  operations(): Promise<SlapdOperations>;
  /** Ends the process; data, port and certificate stay until {@link close} or the end of this process. */
  stop(): Promise<void>;
  /** Starts it again after {@link stop}, with another certificate if one is given. */
  start(certificate?: ServingCertificate): Promise<void>;
  /** SIGSTOP: connections stay open, nothing answers. Resolves when it stands still. */
  pause(): Promise<void>;
  resume(): void;
  /** Ends it and removes its data. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const administrator = { rdn: 'cn=administrator', password: 'administrator' };

const programFolders = [
  '/usr/sbin',
  '/usr/libexec',
  '/usr/lib/openldap',
  '/usr/local/libexec',
  '/opt/homebrew/opt/openldap/libexec',
];
const moduleFolders = [
  '/usr/lib/ldap',
  '/usr/lib64/openldap',
  '/usr/lib/openldap/modules',
  '/usr/local/libexec/openldap',
  '/opt/homebrew/opt/openldap/libexec/openldap',
];
const schemaFolders = ['/etc/ldap/schema', '/etc/openldap/schema', '/opt/homebrew/etc/openldap/schema'];

export async function startSlapd(options: SlapdOptions = {}): Promise<Slapd> {
  const authority = options.authority ?? (await makeAuthority());
  const server = new LocalSlapd(options, authority, options.certificate ?? (await authority.issue()));
  try {
    return await server.open();
  } catch (error) {
    await server.close();
    throw error;
  }
}

function find(folders: readonly string[], file: string): string {
  const folder = folders.find((one) => existsSync(join(one, file)));
  if (folder === undefined) {
    throw new Error(
      `no OpenLDAP server here (${file} not found): install it (Debian: apt-get install slapd ldap-utils)`,
    );
  }
  return folder;
}

class LocalSlapd implements Slapd {
  readonly authority: TestAuthority;
  readonly baseDn: string;
  readonly bindDn: string;
  readonly bindPassword: string;
  port = 0;
  readonly #options: SlapdOptions;
  #certificate: ServingCertificate;
  #folder = '';
  #process: ChildProcess | undefined;
  #log = '';
  readonly #removeData = () => {
    if (this.#folder !== '') rmSync(this.#folder, { recursive: true, force: true });
  };

  constructor(options: SlapdOptions, authority: TestAuthority, certificate: ServingCertificate) {
    this.#options = options;
    this.#certificate = certificate;
    this.authority = authority;
    this.baseDn = options.suffix ?? seedSuffix;
    this.bindDn = options.bindDn ?? `cn=nauthera,ou=services,${this.baseDn}`;
    this.bindPassword = options.bindPassword ?? 'reads-people-and-groups';
  }

  get url(): string {
    return `ldaps://localhost:${this.port}`;
  }

  get caPem(): string {
    return this.authority.pem;
  }

  async open(): Promise<this> {
    find(programFolders, 'slapd');
    this.#folder = await mkdtemp(join(tmpdir(), 'nauthera-slapd-'));
    process.once('exit', this.#removeData);
    await mkdir(join(this.#folder, 'data'));
    this.port = await freePort();
    await this.start();
    await this.add(this.#options.ldif ?? seed);
    await this.clearLog();
    return this;
  }

  async start(certificate?: ServingCertificate): Promise<void> {
    this.#certificate = certificate ?? this.#certificate;
    await this.#writeFiles();
    const program = join(find(programFolders, 'slapd'), 'slapd');
    // A log level on the command line keeps it in the foreground and its log on standard error.
    const child = spawn(
      program,
      ['-f', join(this.#folder, 'slapd.conf'), '-h', `ldaps://127.0.0.1:${this.port}/`, '-d', 'stats'],
      { ...(await unprivileged()), cwd: this.#folder, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.#process = child;
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#log = (this.#log + chunk.toString()).slice(-4_000_000);
    });
    const endsWithUs = () => child.kill('SIGKILL');
    process.once('exit', endsWithUs);
    child.once('exit', () => process.removeListener('exit', endsWithUs));
    for (const deadline = Date.now() + 120_000; ; await sleep(20)) {
      if (child.exitCode !== null) throw new Error(`slapd ended while starting:\n${this.#log}`);
      if (await answersTls('127.0.0.1', this.port)) return;
      if (Date.now() > deadline) throw new Error(`slapd did not start within two minutes:\n${this.#log}`);
    }
  }

  async #writeFiles(): Promise<void> {
    const files: Record<string, string> = {
      'slapd.conf': this.#configuration(),
      'ca.pem': this.caPem,
      'certificate.pem': this.#certificate.certificatePem,
      'key.pem': this.#certificate.privateKeyPem,
    };
    for (const [name, content] of Object.entries(files))
      await writeFile(join(this.#folder, name), content, { mode: 0o600 });
    const user = await unprivileged();
    if (user === undefined) return;
    await chmod(this.#folder, 0o700);
    for (const path of ['', 'data', ...Object.keys(files)]) await chown(join(this.#folder, path), user.uid, user.gid);
  }

  #configuration(): string {
    const schemas = find(schemaFolders, 'core.schema');
    const inFolder = (name: string) => join(this.#folder, name);
    return [
      ...['core', 'cosine', 'inetorgperson', 'nis'].map((name) => `include ${join(schemas, `${name}.schema`)}`),
      `modulepath ${find(moduleFolders, 'back_mdb.so')}`,
      ...['back_mdb', 'memberof', 'ppolicy'].map((name) => `moduleload ${name}`),
      `pidfile ${inFolder('slapd.pid')}`,
      `TLSCACertificateFile ${inFolder('ca.pem')}`,
      `TLSCertificateFile ${inFolder('certificate.pem')}`,
      `TLSCertificateKeyFile ${inFolder('key.pem')}`,
      'threads 4',
      ...(this.#options.globalSettings ?? []),
      'access to dn.base="" by * read',
      'database mdb',
      `suffix "${this.baseDn}"`,
      `rootdn "${administrator.rdn},${this.baseDn}"`,
      `rootpw ${administrator.password}`,
      `directory ${inFolder('data')}`,
      'maxsize 67108864',
      'dbnosync',
      'index objectClass,uid,member,entryUUID eq',
      ...(this.#options.settings ?? []),
      'access to attrs=userPassword by anonymous auth by * none',
      'access to * by users read by * none',
      'overlay memberof',
      'memberof-refint TRUE',
      'overlay ppolicy',
      `ppolicy_default "cn=default,ou=policies,${this.baseDn}"`,
      '',
    ].join('\n');
  }

  get #administrator(): Administrator {
    const { rdn, password } = administrator;
    return { url: `ldaps://127.0.0.1:${this.port}`, dn: `${rdn},${this.baseDn}`, password };
  }

  add(ldif: string): Promise<void> {
    return changeDirectory(this.#administrator, 'add', ldif);
  }

  modify(ldif: string): Promise<void> {
    return changeDirectory(this.#administrator, 'change', ldif);
  }

  lock(dn: string): Promise<void> {
    return this.modify(
      `dn: ${dn}\nchangetype: modify\nreplace: pwdAccountLockedTime\npwdAccountLockedTime: 000001010000Z\n`,
    );
  }

  unlock(dn: string): Promise<void> {
    return this.modify(`dn: ${dn}\nchangetype: modify\nreplace: pwdAccountLockedTime\n`);
  }

  log(): string {
    return this.#log;
  }

  async clearLog(): Promise<void> {
    await this.#settleLog();
    this.#log = '';
  }

  async operations(): Promise<SlapdOperations> {
    await this.#settleLog();
    const all = (pattern: RegExp) => [...this.#log.matchAll(pattern)].map((match) => match[1] ?? '');
    const accepted = all(/ (conn=\d+) fd=\d+ ACCEPT from /g);
    return {
      connections: accepted.length,
      closed: all(/ (conn=\d+) fd=\d+ closed/g).filter((one) => accepted.includes(one)).length,
      binds: all(/ BIND dn="(.*)" method=/g),
      searches: all(/ SRCH base=.* filter="(.*)"$/gm),
    };
  }

  /** The log comes through a pipe: what stands before a mark of ours is complete. The mark itself is taken out. */
  async #settleLog(): Promise<void> {
    if (this.#process === undefined) return;
    const name = `cn=mark-${randomUUID()}`;
    const client = new Client({
      url: `ldaps://127.0.0.1:${this.port}`,
      timeout: 60_000,
      connectTimeout: 60_000,
      tlsOptions: { rejectUnauthorized: false },
    });
    await client.bind(name, 'x').catch(() => undefined);
    await client.unbind();
    for (const deadline = Date.now() + 60_000; ; await sleep(5)) {
      const id = new RegExp(` (conn=\\d+) op=0 BIND dn="${name}" method`).exec(this.#log)?.[1];
      if (id !== undefined && new RegExp(` ${id} fd=\\d+ closed`).test(this.#log)) {
        const isMark = (line: string) => line.includes(` ${id} `);
        this.#log = this.#log
          .split('\n')
          .filter((line) => !isMark(line))
          .join('\n');
        return;
      }
      if (Date.now() > deadline) throw new Error('the log of slapd does not arrive');
    }
  }

  async pause(): Promise<void> {
    const pid = this.#process?.pid;
    this.#process?.kill('SIGSTOP');
    const status = `/proc/${pid}/status`;
    // The signal is on its way when `kill` returns. Where there is no such file, a moment has to do.
    if (!existsSync(status)) await sleep(100);
    else while (!/^State:\tT/m.test(await readFile(status, 'utf8'))) await sleep(1);
  }

  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  async stop(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGCONT');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
    await ended;
    clearTimeout(timer);
  }

  async close(): Promise<void> {
    await this.stop();
    process.removeListener('exit', this.#removeData);
    this.#removeData();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const unprivileged = () => serviceUser('slapd', ['openldap', 'ldap', 'nobody']);
