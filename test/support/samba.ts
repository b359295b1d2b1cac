/**
 * A real Active Directory for one suite: Samba's domain controller with its LDAP server alone, on a loopback address of
 * its own, because its ports are fixed (636). Needs root and Debian's packages; where they lack, it says so and fails.
 * The domain is made once per version of Samba, which takes ten seconds, and kept; each suite gets a copy.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { cacheFolder } from './cache.ts';
import { makeAuthority, type TestAuthority } from './certificates.ts';
import { type Administrator, changeDirectory } from './ldap-changes.ts';
import { domainSeed, domainSuffix } from './samba-seed.ts';
import { answersTls } from './tls-answers.ts';

export interface SambaOptions {
  /** Entries beside those of the domain. Default: the built-in people (`samba-seed.ts`). */
  readonly ldif?: string;
}

export interface Samba {
  /** `ldaps://127.a.b.c:636` */
  readonly url: string;
  readonly caPem: string;
  readonly authority: TestAuthority;
  /** `dc=ad,dc=example,dc=org` */
  readonly baseDn: string;
  readonly bindDn: string;
  readonly bindPassword: string;
  /** Adds entries (LDIF), as the administrator. */
  add(ldif: string): Promise<void>;
  /** Applies change records (LDIF with `changetype`), as the administrator. */
  modify(ldif: string): Promise<void>;
  /** As if the password of an entry had been set so many days ago, which no client can write. */
  agePassword(dn: string, days: number): Promise<void>;
  /** Ends it and removes its data. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const packages = 'samba samba-ad-provision samba-dsdb-modules samba-vfs-modules winbind';
const administratorPassword = 'Administrator-1';
/** Raised when what is kept of a domain is made in another way. */
const madeAs = 1;
const run = promisify(execFile);

export async function startSamba(options: SambaOptions = {}): Promise<Samba> {
  if (process.getuid?.() !== 0) throw new Error('a domain controller listens on port 636, so this test needs root');
  const authority = await makeAuthority('Test CA of the domain');
  const server = new LocalSamba(authority);
  try {
    await server.open(options.ldif ?? domainSeed);
    return server;
  } catch (error) {
    await server.close();
    throw error;
  }
}

class LocalSamba implements Samba {
  readonly authority: TestAuthority;
  readonly baseDn = domainSuffix;
  readonly bindDn = `cn=nauthera,cn=Users,${domainSuffix}`;
  readonly bindPassword = 'reads-people-and-groups';
  #address = '';
  #folder = '';
  #process: ChildProcess | undefined;
  #log = '';
  readonly #removeData = () => {
    if (this.#folder !== '') rmSync(this.#folder, { recursive: true, force: true });
  };

  constructor(authority: TestAuthority) {
    this.authority = authority;
  }

  get url(): string {
    return `ldaps://${this.#address}:636`;
  }

  get caPem(): string {
    return this.authority.pem;
  }

  async open(ldif: string): Promise<void> {
    const made = await domain();
    this.#folder = await mkdtemp(join(tmpdir(), 'nauthera-samba-'));
    process.once('exit', this.#removeData);
    await cp(made, this.#folder, { recursive: true, preserveTimestamps: true });
    this.#address = await freeAddress();
    await this.#start();
    await this.add(ldif);
  }

  async #start(): Promise<void> {
    const { certificatePem, privateKeyPem } = await this.authority.issue({ addresses: [this.#address] });
    const files = { 'ca.pem': this.caPem, 'certificate.pem': certificatePem, 'key.pem': privateKeyPem };
    for (const [name, content] of Object.entries(files))
      await writeFile(join(this.#folder, name), content, { mode: 0o600 });
    const configuration = join(this.#folder, 'smb.conf');
    await writeFile(configuration, configurationOf(this.#folder, this.#address));
    // It ends when its standard input does, so also when we end without a word.
    const child = spawn('samba', ['-i', '-M', 'single', '-s', configuration, '--debug-stdout'], {
      cwd: this.#folder,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#process = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        this.#log = (this.#log + chunk.toString()).slice(-200_000);
      });
    }
    const endsWithUs = () => child.kill('SIGKILL');
    process.once('exit', endsWithUs);
    child.once('exit', () => process.removeListener('exit', endsWithUs));
    for (const deadline = Date.now() + 120_000; ; await sleep(30)) {
      if (child.exitCode !== null) throw new Error(`samba ended while starting:\n${this.#log}`);
      if (await answersTls(this.#address, 636)) return;
      if (Date.now() > deadline) throw new Error(`samba did not start within two minutes:\n${this.#log}`);
    }
  }

  get #administrator(): Administrator {
    const dn = `cn=Administrator,cn=Users,${domainSuffix}`;
    return { url: this.url, dn, password: administratorPassword };
  }

  add(ldif: string): Promise<void> {
    return changeDirectory(this.#administrator, 'add', ldif);
  }

  modify(ldif: string): Promise<void> {
    return changeDirectory(this.#administrator, 'change', ldif);
  }

  async agePassword(dn: string, days: number): Promise<void> {
    const since = (BigInt(Math.floor(Date.now() / 1000) - days * 86_400) + 11_644_473_600n) * 10_000_000n;
    const configuration = join(this.#folder, 'smb.conf');
    // The system's own Python: it is what Samba's modules are installed for.
    await run('/usr/bin/python3', ['-c', writesPasswordTime, configuration, dn, String(since)], { timeout: 60_000 });
  }

  async close(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      // Nothing is kept of it, so nothing has to be written down first.
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

const writesPasswordTime = `
import sys, ldb, samba.dsdb
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB
configuration, dn, value = sys.argv[1:]
lp = LoadParm()
lp.load(configuration)
database = SamDB(url=lp.private_path('sam.ldb'), session_info=system_session(), lp=lp)
message = ldb.Message(ldb.Dn(database, dn))
message['pwdLastSet'] = ldb.MessageElement(value, ldb.FLAG_MOD_REPLACE, 'pwdLastSet')
database.modify(message, controls=['local_oid:%s:0' % samba.dsdb.DSDB_CONTROL_BYPASS_PASSWORD_HASH_OID])
`;

function configurationOf(folder: string, address: string): string {
  return [
    '[global]',
    'netbios name = DC1',
    'realm = AD.EXAMPLE.ORG',
    'workgroup = AD',
    'server role = active directory domain controller',
    'server services = ldap',
    `interfaces = ${address}/8`,
    'bind interfaces only = yes',
    'disable netbios = yes',
    ...Object.entries({
      private: 'private',
      state: 'state',
      cache: 'cache',
      lock: '.',
      pid: 'run',
      binddns: 'bind-dns',
    }).map(([name, path]) => `${name}${name === 'binddns' ? ' dir' : ' directory'} = ${join(folder, path)}`),
    `ncalrpc dir = ${join(folder, 'run', 'ncalrpc')}`,
    `winbindd socket directory = ${join(folder, 'run', 'winbindd')}`,
    `posix:eadb = ${join(folder, 'eadb.tdb')}`,
    'tls enabled = yes',
    `tls keyfile = ${join(folder, 'key.pem')}`,
    `tls certfile = ${join(folder, 'certificate.pem')}`,
    `tls cafile = ${join(folder, 'ca.pem')}`,
    'log level = 1',
    '',
  ].join('\n');
}

/** The folder of a domain that was just made; nobody starts a server in it. */
async function domain(): Promise<string> {
  const version = await versionOf();
  const kept = cacheFolder('samba-domain', `${version}-${madeAs}`);
  if (existsSync(kept)) return kept;
  await mkdir(dirname(kept), { recursive: true });
  const making = await mkdtemp(`${kept}-`);
  try {
    await provision(making);
    await rename(making, kept).catch((error: unknown) => {
      // Another suite was faster.
      if (!existsSync(kept)) throw error;
    });
  } finally {
    await rm(making, { recursive: true, force: true });
  }
  return kept;
}

async function versionOf(): Promise<string> {
  try {
    const { stdout } = await run('samba', ['--version']);
    return stdout.trim().replaceAll(/[^\w.+-]+/g, '-');
  } catch (error) {
    throw new Error(
      `no Active Directory here: install Samba's domain controller (Debian: apt-get install ${packages})`,
      {
        cause: error,
      },
    );
  }
}

async function provision(folder: string): Promise<void> {
  // Without a file of our own it would read, and write, the one of the system.
  const empty = join(folder, 'empty.conf');
  await writeFile(empty, '');
  const tool = async (...args: readonly string[]) => {
    try {
      await run('samba-tool', args, { timeout: 240_000, maxBuffer: 16_000_000 });
    } catch (error) {
      throw new Error(`a domain could not be made; Debian: apt-get install ${packages}`, { cause: error });
    }
  };
  const what = ['--server-role=dc', '--dns-backend=NONE', '--realm=AD.EXAMPLE.ORG', '--domain=AD', '--host-name=dc1'];
  const where = ['--host-ip=127.0.0.1', `--targetdir=${folder}`, `--option=posix:eadb=${join(folder, 'eadb.tdb')}`];
  await tool('domain', 'provision', '-s', empty, ...what, ...where, `--adminpass=${administratorPassword}`);
  // No password of the kept domain ever expires, and those of tests may be simple.
  const lenient = [
    '--complexity=off',
    '--history-length=0',
    '--min-pwd-length=1',
    '--min-pwd-age=0',
    '--max-pwd-age=0',
  ];
  await tool('domain', 'passwordsettings', 'set', '-s', join(folder, 'etc', 'smb.conf'), ...lenient);
}

/** An address on loopback at which nobody uses the port yet. Not every system has more than 127.0.0.1. */
async function freeAddress(): Promise<string> {
  const byte = (from: number, to: number) => from + Math.floor(Math.random() * (to - from));
  for (let tries = 0; tries < 50; tries += 1) {
    const address = `127.${byte(64, 127)}.${byte(0, 255)}.${byte(1, 255)}`;
    const isFree = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(false));
      server.listen(636, address, () => server.close(() => resolve(true)));
    });
    if (isFree) return address;
  }
  throw new Error('no address of 127.0.0.0/8 with a free port 636: a domain controller needs one (Linux has them)');
}
