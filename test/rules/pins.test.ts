import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { importsOf, root, sourceFiles } from './sources.ts';

interface Manifest {
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
}
interface Lock {
  readonly packages: Record<string, { version?: string; resolved?: string; integrity?: string; link?: boolean }>;
}

const read = <T>(path: string): T => JSON.parse(readFileSync(join(root, path), 'utf8')) as T;
const manifests = ['.', 'crds', 'server', 'operator', 'image', 'examples', 'test'];
const lock = read<Lock>('package-lock.json');

describe('dependencies', () => {
  it.each(manifests)('%s: every version is exact', (folder) => {
    const manifest = read<Manifest>(`${folder}/package.json`);
    const all = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };
    expect(Object.entries(all).filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
  });

  it('A70: every locked package that is not ours carries an integrity and names no host', () => {
    const foreign = Object.entries(lock.packages).filter(
      ([path, entry]) => path.includes('node_modules/') && !entry.link,
    );
    expect(foreign.length).toBeGreaterThan(100);
    expect(foreign.filter(([, entry]) => entry.integrity === undefined).map(([path]) => path)).toEqual([]);
    expect(foreign.filter(([, entry]) => entry.resolved !== undefined).map(([path]) => path)).toEqual([]);
  });

  it.each(manifests.slice(1))('%s: what it names, it imports; what it imports, it names', (folder) => {
    const manifest = read<Manifest>(`${folder}/package.json`);
    const named = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).filter(
      (name) => !name.startsWith('@types/') && !name.startsWith('@nauthera/'),
    );
    const imported = sourceFiles(folder)
      .flatMap(importsOf)
      .filter((one) => one.kind === 'package' && !/^(node:|@nauthera\/|vitest)/.test(one.to))
      .map((one) => (one.to.startsWith('@') ? one.to.split('/').slice(0, 2) : one.to.split('/').slice(0, 1)).join('/'));
    expect([...new Set(imported)].sort()).toEqual(named.sort());
  });

  it('what is installed is what the manifests say: an older Node makes npm take older majors silently', () => {
    for (const folder of manifests) {
      const manifest = read<Manifest>(`${folder}/package.json`);
      for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
        if (name.startsWith('@nauthera/')) continue;
        const locked = lock.packages[`${folder}/node_modules/${name}`] ?? lock.packages[`node_modules/${name}`];
        expect(locked?.version, `${folder}: ${name}`).toBe(version);
      }
    }
  });

  it('A69: the image has that Node, and every download of its build a checksum', () => {
    const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8');
    expect(/^ARG NODE_VERSION=(.+)$/m.exec(dockerfile)?.[1]).toBe(process.versions.node);
    expect(dockerfile.match(/^ARG \w+_SHA256\w*=[0-9a-f]{64}$/gm)).toHaveLength(3);
    expect(dockerfile.match(/\b(?:curl|wget)\b.*http/g) ?? []).toEqual([]);
  });

  it('A69: the Node of every platform is one version, and this is it', () => {
    const versions = Object.entries(read<Manifest>('package.json').optionalDependencies ?? {})
      .filter(([name]) => name.startsWith('node-'))
      .map(([, version]) => version);
    expect(versions).toHaveLength(3);
    expect(new Set(versions)).toEqual(new Set([process.versions.node]));
  });
});
