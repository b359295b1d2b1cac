/** Secrets as files: private, written whole or not at all. */
import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { NewSecret } from './secret.ts';

/** The folder can be read by others, or is not one. The message says what to do. */
export class SecretsFolderError extends Error {
  readonly code = 'secrets_folder';
}

/** A file that nobody looks at, on disk for good; its path. It is renamed when it is to count. */
export async function writeDraft(folder: string, secret: NewSecret): Promise<string> {
  const draft = join(folder, `.${randomBytes(8).toString('hex')}.tmp`);
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(render(secret));
    await file.sync();
  } finally {
    await file.close();
  }
  return draft;
}

function render(secret: NewSecret): string {
  const { namespace, name, labels, annotations, owner, type, data } = secret;
  const ownerReferences =
    owner === undefined ? undefined : [{ apiVersion: 'auth.nauthera.io/v1alpha1', ...owner, controller: true }];
  return stringify({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace, labels, annotations, ...(ownerReferences === undefined ? {} : { ownerReferences }) },
    type,
    stringData: data,
  });
}

export async function requirePrivateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const found = await stat(folder);
  if (!found.isDirectory()) throw new SecretsFolderError(`${folder} is not a folder`);
  if ((found.mode & 0o077) !== 0)
    throw new SecretsFolderError(`${folder} is open to other users of this machine: run chmod 700 ${folder}`);
  const uid = process.getuid?.();
  if (uid !== undefined && found.uid !== uid && uid !== 0)
    throw new SecretsFolderError(`${folder} belongs to another user: give it to the one who runs this program`);
}

/** What a crash left of a write: a secret that nobody knows. */
export async function removeDrafts(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true }))
    if (entry.isFile() && /^\.[0-9a-f]{16}\.tmp$/.test(entry.name))
      await rm(join(entry.parentPath, entry.name), { force: true });
}

export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
