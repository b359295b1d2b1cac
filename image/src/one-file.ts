/** `node image/src/one-file.ts ENTRY`: prints a program and all that it imports as one file, for the Node of the image. */
import { build } from 'esbuild';

const [entry] = process.argv.slice(2);
if (entry === undefined) {
  console.error('usage: node image/src/one-file.ts ENTRY');
  process.exitCode = 2;
} else {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    write: false,
    platform: 'node',
    format: 'esm',
    target: 'node26',
    // Packages from before modules ask for what an ES module does not have.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: 'warning',
  });
  process.stdout.write(outputFiles[0]?.text ?? '');
}
