/**
 * `node image/src/one-file.ts ENTRY [--external-packages]`: prints a program and all that it imports as one file, for the Node
 * of the image. With the flag, packages are imported from where the file will stand.
 */
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { filesAsText } from './files-as-text.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'external-packages': { type: 'boolean', default: false } },
});
const [entry] = positionals;
if (entry === undefined) {
  console.error('usage: node image/src/one-file.ts ENTRY [--external-packages]');
  process.exitCode = 2;
} else {
  const external = values['external-packages'];
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    write: false,
    platform: 'node',
    format: 'esm',
    target: 'node26',
    legalComments: 'none',
    plugins: [filesAsText],
    ...(external
      ? { packages: 'external' }
      : {
          // Packages from before modules ask for what an ES module does not have.
          banner: {
            js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
          },
        }),
    logLevel: 'warning',
  });
  process.stdout.write(outputFiles[0]?.text ?? '');
}
