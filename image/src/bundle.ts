/**
 * `node image/src/bundle.ts FOLDER`: what the image holds beside Node. Each program becomes one file with a `#!` line, so
 * that a pod starts it without a shell and reads no folder of packages:
 *
 *     FOLDER/nauthera-server.mjs, FOLDER/nauthera-operator.mjs
 *     FOLDER/nauthera-demo-directory.mjs           the people of the chart's `demo`
 *     FOLDER/node_modules/@electric-sql/pglite     the embedded database: it loads its WebAssembly from beside itself
 *     FOLDER/THIRD-PARTY-LICENSES                  of every package that is in there
 *
 * Two runs write the same bytes.
 */
import { chmod, cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, extname, join, relative } from 'node:path';
import { build, type Loader, type Plugin, transform } from 'esbuild';
import { filesAsText } from './files-as-text.ts';
import { licensesOf } from './licenses.ts';

const root = join(import.meta.dirname, '../..');
const embedded = '@electric-sql/pglite';

const programs = [
  { name: 'nauthera-server', entry: 'server/src/main.ts' },
  { name: 'nauthera-operator', entry: 'operator/src/main.ts' },
  { name: 'nauthera-demo-directory', entry: 'examples/src/demo-directory.ts' },
] as const;

/** Packages from before modules ask for what an ES module does not have. */
const banner = `#!/usr/local/bin/node
import { createRequire as __createRequire } from 'node:module';
import { fileURLToPath as __fileURLToPath } from 'node:url';
const require = __createRequire(import.meta.url);
const __filename = __fileURLToPath(import.meta.url);
const __dirname = __fileURLToPath(new URL('.', import.meta.url));`;

/**
 * The client library has a class for every kind of the API: 16 MB, of which the operator needs none. Its manifest does not
 * say that loading them does nothing else.
 */
const withoutKinds: Plugin = {
  name: 'without-kinds',
  setup(plugin) {
    const library = '@kubernetes/client-node';
    const resolving = Symbol('resolving');
    plugin.onResolve({ filter: /./ }, async ({ path, importer, resolveDir, kind, pluginData }) => {
      if (pluginData === resolving || !(path === library || importer.includes(`/${library}/`))) return undefined;
      const found = await plugin.resolve(path, { importer, resolveDir, kind, pluginData: resolving });
      return found.path.includes(`/${library}/`) ? { ...found, sideEffects: false } : found;
    });
  },
};

/** Loaded when a database is opened that is one: `import` at the head of a bundle would load it for every `--help`. */
const embeddedWhenOpened: Plugin = {
  name: 'embedded-when-opened',
  setup(plugin) {
    const namespace = 'embedded';
    plugin.onResolve({ filter: new RegExp(`^${embedded}$`) }, ({ path, kind }) =>
      kind === 'dynamic-import' ? { path, external: true } : { path, namespace },
    );
    plugin.onLoad({ filter: /./, namespace }, () => ({
      contents: `export const { PGlite, types } = await import(${JSON.stringify(embedded)});`,
    }));
  },
};

const beyondLatin1 = /[\u0100-\uffff]/;

/**
 * One character beyond Latin-1, and the engine keeps the whole program with two bytes a character: 5 MB for a dash. What is
 * in texts is escaped anyway; this takes the comments of such a file away.
 */
const withoutWideComments: Plugin = {
  name: 'without-wide-comments',
  setup(plugin) {
    plugin.onLoad({ filter: /\.[cm]?[jt]s$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      if (!beyondLatin1.test(text)) return undefined;
      const loader: Loader = extname(path).endsWith('ts') ? 'ts' : 'js';
      const { code } = await transform(text, {
        loader,
        minifyWhitespace: true,
        legalComments: 'none',
        target: 'node26',
      });
      return { contents: code, loader: 'js' };
    });
  },
};

async function bundle(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const inputs: string[] = [];
  for (const { name, entry } of programs) {
    const outfile = join(folder, `${name}.mjs`);
    const { metafile, warnings } = await build({
      absWorkingDir: root,
      entryPoints: [entry],
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node26',
      // A driver that nobody has to install.
      external: ['pg-native'],
      banner: { js: banner },
      legalComments: 'none',
      metafile: true,
      plugins: [filesAsText, withoutKinds, embeddedWhenOpened, withoutWideComments],
      logLevel: 'warning',
    });
    if (warnings.length > 0) throw new Error(`${name}: a bundle with warnings is not shipped`);
    if (beyondLatin1.test(await readFile(outfile, 'utf8')))
      throw new Error(`${name}: a character beyond Latin-1 makes the program twice as large in memory`);
    await chmod(outfile, 0o755);
    inputs.push(...Object.keys(metafile.inputs));
  }
  await copyEmbedded(folder);
  await writeFile(join(folder, 'THIRD-PARTY-LICENSES'), await licensesOf(root, [...inputs, ...packageOf(embedded)]));
}

/** A file of the package, from the root of the repository. */
function packageOf(name: string): readonly string[] {
  return [relative(root, createRequire(join(root, 'server/package.json')).resolve(name))];
}

/** The part of the package that `import` reaches: no maps, types, CommonJS or extensions. */
async function copyEmbedded(folder: string): Promise<void> {
  const [entry = ''] = packageOf(embedded);
  const source = join(root, dirname(entry), '..');
  const target = join(folder, 'node_modules', embedded);
  await mkdir(target, { recursive: true });
  await cp(join(source, 'package.json'), join(target, 'package.json'));
  await cp(join(source, 'dist'), join(target, 'dist'), {
    recursive: true,
    filter: (path) => {
      const inside = relative(join(source, 'dist'), path);
      return /^(?:|fs|fs\/nodefs\.js|index\.js|chunk-[^/]+\.js|initdb\.(?:js|wasm)|pglite\.(?:js|wasm|data))$/.test(
        inside,
      );
    },
  });
}

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error('usage: node image/src/bundle.ts FOLDER');
  process.exitCode = 2;
} else await bundle(folder);
