/** What the Markdown files say of the repository is there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { endpointPaths } from '../../server/src/protocol/endpoints.ts';
import { root, sourceFiles } from './sources.ts';

const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const written = ['.', 'docs', 'server', 'operator', 'crds', 'charts', 'examples', 'test']
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: folder !== '.', withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
      .map((entry) => relative(root, join(entry.parentPath, entry.name))),
  )
  .filter((path) => !path.includes('node_modules'))
  .sort();

/** Headings as links name them. */
const anchors = (text: string): readonly string[] =>
  [...text.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\- ]/gu, '')
      .replaceAll(' ', '-'),
  );

describe('Markdown files', () => {
  it('are seen', () => expect(written).toContain('docs/reference/specifications.md'));

  it.each(written)('%s: what it links to is there', (path) => {
    const links = [...read(path).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map(([, to = '']) => to);
    const missing = links.filter((link) => {
      const [file = '', anchor] = link.split('#');
      const target = file === '' ? path : relative(root, join(root, dirname(path), file));
      if (!existsSync(join(root, target))) return true;
      return anchor !== undefined && target.endsWith('.md') && !anchors(read(target)).includes(anchor);
    });
    expect(missing).toEqual([]);
  });

  it.each(written)(
    '%s: whoever reads the logs of several pods says how many lines: kubectl shows ten of each',
    (path) => {
      const commands = [
        ...read(path)
          .replaceAll(/\\\n\s*/g, ' ')
          .matchAll(/kubectl logs [^\n|`]*/g),
      ].map(([text]) => text);
      expect(commands.filter((text) => /\s(-l|--selector)\b/.test(text) && !/\s--tail\b/.test(text))).toEqual([]);
    },
  );

  it('docs/README.md leads to every document beside it', () => {
    const index = read('docs/README.md');
    // Runbooks have an index of their own, which is generated from the alerts.
    const others = written.filter((path) => /^docs\/(?!README|runbooks\/Nauthera)/.test(path));
    expect(others.filter((path) => !index.includes(`](${path.slice('docs/'.length)})`))).toEqual([]);
  });

  it('server/README.md names every path that the server answers', () => {
    const own = sourceFiles('server/src/endpoints').flatMap((path) =>
      [...read(path).matchAll(/\bapp\.(?:get|post)(?:<[^>]*>)?\(\s*'(\/[^']*)'/g)].map(([, route = '']) => route),
    );
    const all = [...new Set([...Object.values(endpointPaths), ...own.map((route) => route.replace(/:\w+$/, ''))])];
    expect(all.length).toBeGreaterThan(20);
    const text = read('server/README.md');
    expect(all.filter((route) => !text.includes(`\`${route}\``))).toEqual([]);
  });
});
