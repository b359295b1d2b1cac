/** The files of a small Debian as an archive, for `docker import`: where no image registry can be reached. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder } from './cache.ts';

const run = promisify(execFile);

/** What the packages brought and no program reads. */
const ballast = ['var/cache/apt', 'var/lib/apt/lists', 'usr/share/doc', 'usr/share/man', 'usr/share/locale'];

/**
 * The path of the archive: made with `debootstrap` once, then kept in the cache folder under this name. It trusts the
 * authorities that this machine trusts.
 */
export async function debianArchive(name: string, args: readonly string[] = []): Promise<string> {
  const archive = cacheFolder('images', `${name}.tar`);
  if (!existsSync(archive)) await bootstrap(archive, args);
  return archive;
}

/** One with Postgres, OpenLDAP and curl, for whatever runs beside the product in a container. */
export function servicesArchive(): Promise<string> {
  const packages = ['postgresql', 'slapd', 'ldap-utils', 'curl', 'ca-certificates'];
  return debianArchive('bookworm-services', [`--include=${packages.join(',')}`]);
}

async function bootstrap(archive: string, args: readonly string[]): Promise<void> {
  if (!existsSync('/usr/sbin/debootstrap')) {
    throw new Error('debootstrap is not here: apt-get install debootstrap');
  }
  await mkdir(dirname(archive), { recursive: true });
  const root = await mkdtemp(join(tmpdir(), 'nauthera-image-'));
  try {
    const { stdout: policy } = await run('apt-cache', ['policy', 'base-files']);
    const mirror = /https?:\/\/[^ ]+/.exec(policy)?.[0];
    if (mirror === undefined) throw new Error('apt-cache names no mirror: run apt-get update');
    await run('debootstrap', ['--variant=minbase', ...args, 'bookworm', root, mirror], { maxBuffer: 1 << 26 });
    await trustAsHere(root);
    for (const folder of ballast) {
      for (const one of await readdir(join(root, folder)).catch(() => []))
        await rm(join(root, folder, one), { recursive: true, force: true });
    }
    const draft = `${archive}.${process.pid}`;
    await run('tar', ['-C', root, '-cf', draft, '.']);
    await rename(draft, archive);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** Where Debian keeps what somebody added; its package `ca-certificates` puts them beside its own. */
async function trustAsHere(root: string): Promise<void> {
  const added = 'usr/local/share/ca-certificates';
  if (existsSync(`/${added}`)) await cp(`/${added}`, join(root, added), { recursive: true });
}
