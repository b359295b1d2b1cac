import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Plugin } from 'esbuild';

/**
 * `readFileSync(new URL('./page.css', import.meta.url), 'utf8')` becomes what the file says. A `#!` line goes: a bundle has its
 * own.
 */
export const filesAsText: Plugin = {
  name: 'files-as-text',
  setup(plugin) {
    plugin.onLoad({ filter: /\/(?:server|operator|crds|examples)\/src\/.*\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      const text = source.replace(/^#!.*/, '');
      const read = /readFileSync\(new URL\('(\.[^']+)', import\.meta\.url\), 'utf8'\)/g;
      if (text === source && text.search(read) < 0) return undefined;
      const files = [...text.matchAll(read)].map(([, file = '']) => join(dirname(path), file));
      const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
      return { loader: 'ts', contents: text.replaceAll(read, () => JSON.stringify(texts.shift())), watchFiles: files };
    });
  },
};
