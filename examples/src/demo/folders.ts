/** The demo's folder: what it keeps between runs, and what it writes for the product to read. */
import { randomBytes } from 'node:crypto';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { parse, stringify } from 'yaml';
import { type Ports, portNames } from './ports.ts';

export interface Folders {
  /** 0700, with everything below it. */
  readonly root: string;
  /** Watched by the product; people add their files here. */
  readonly resources: string;
  readonly secrets: string;
  readonly database: string;
  readonly keyFile: string;
  /** Certificate authority behind the listener that the server calls. */
  readonly applicationCa: string;
  readonly log: string;
}

const samples = join(import.meta.dirname, '../../resources');
const marker = '.nauthera-demo';

/**
 * @param copy resources are read from a copy in the demo's folder instead of `examples/resources`
 * @throws Error when the folder is somebody's own
 */
export async function prepareFolders(folder: string, options: { fresh: boolean; copy: boolean }): Promise<Folders> {
  const root = resolve(folder);
  await requireOurs(root);
  if (options.fresh) await rm(root, { recursive: true, force: true });
  await mkdir(root, { recursive: true, mode: 0o700 });
  await chmod(root, 0o700);
  await writeFile(join(root, marker), 'Made by the demo. Delete this folder to start anew.\n', { mode: 0o600 });
  const resources = options.copy ? join(root, 'resources') : samples;
  if (options.copy) {
    const isSource = (path: string) => relative(samples, path).split('/')[0] !== generated;
    await cp(samples, resources, { recursive: true, filter: isSource });
  }
  const secrets = join(root, 'secrets');
  await mkdir(secrets, { recursive: true, mode: 0o700 });
  return {
    root,
    resources,
    secrets,
    database: join(root, 'database'),
    keyFile: join(root, 'key-encryption-key'),
    applicationCa: join(root, 'application-ca.pem'),
    log: join(root, 'nauthera.log'),
  };
}

/** A folder that nobody else uses, for one run. */
export function throwawayFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'nauthera-demo-'));
}

async function requireOurs(root: string): Promise<void> {
  const found = await stat(root).catch(() => undefined);
  if (found === undefined) return;
  const ours = await stat(join(root, marker)).catch(() => undefined);
  const empty = found.isDirectory() && (await readdir(root)).length === 0;
  if (ours === undefined && !empty)
    throw new Error(`${root} was not made by the demo: name another folder with --folder`);
}

/** Below the resources, in a folder of its own that git does not see. */
const generated = 'generated';

/** The certificate authority that the LdapBinding names, new at each start. */
export async function writeDirectoryCa(folders: Folders, caPem: string): Promise<void> {
  const configMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'directory-ca', namespace: 'identity' },
    data: { 'ca.crt': caPem },
  };
  const comment =
    '# Written by the demo at each start: the authority behind the certificate of the sample directory.\n';
  await replaceFile(join(folders.resources, generated, 'directory-ca.yaml'), comment + stringify(configMap), 0o644);
}

export function writeApplicationCa(folders: Folders, caPem: string): Promise<void> {
  return replaceFile(folders.applicationCa, caPem, 0o644);
}

/** Where the parts listen, in the copied resources: every `127.0.0.1:port` that one of them names. */
export async function setPorts(folders: Folders, from: Ports, to: Ports): Promise<void> {
  const moved = new Map(portNames.map((part) => [String(from[part]), to[part]]));
  for (const name of await readdir(folders.resources)) {
    if (!name.endsWith('.yaml')) continue;
    const file = join(folders.resources, name);
    const text = await readFile(file, 'utf8');
    const next = text.replaceAll(/127\.0\.0\.1:(\d+)/g, (address, port: string) => {
      const next = moved.get(port);
      return next === undefined ? address : `127.0.0.1:${next}`;
    });
    if (next !== text) await replaceFile(file, next, 0o644);
  }
}

/** The password of the service account: made once, kept as the Secret that the LdapBinding names. */
export async function bindPassword(folders: Folders): Promise<string> {
  const file = secretFile(folders, 'identity', 'directory-password');
  const kept: unknown = await readFile(file, 'utf8').then(parse, () => undefined);
  const data = typeof kept === 'object' && kept !== null && 'stringData' in kept ? kept.stringData : undefined;
  const known = typeof data === 'object' && data !== null && 'password' in data ? data.password : undefined;
  if (typeof known === 'string' && known.length >= 32) return known;
  const password = randomBytes(32).toString('base64url');
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'directory-password', namespace: 'identity' },
    type: 'Opaque',
    stringData: { password },
  };
  await replaceFile(file, stringify(secret), 0o600);
  return password;
}

/** Where the operator writes a Secret; that of a Client is called `<client>-oauth2`. */
export function secretFile(folders: Folders, namespace: string, name: string): string {
  return join(folders.secrets, namespace, `${name}.yaml`);
}

/** For `curl -K`: the client's id and secret without either in the list of processes. */
export async function writeCurlConfig(folders: Folders, name: string, id: string, secret: string): Promise<string> {
  const file = join(folders.root, `${name}.curl`);
  await replaceFile(file, `user = "${id}:${secret}"\n`, 0o600);
  return file;
}

async function replaceFile(file: string, text: string, mode: number): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: mode === 0o600 ? 0o700 : 0o755 });
  const draft = join(dirname(file), `.${randomBytes(6).toString('hex')}.tmp`);
  await writeFile(draft, text, { mode });
  await rename(draft, file);
}
