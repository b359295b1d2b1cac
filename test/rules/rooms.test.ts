import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root, sourceFiles } from './sources.ts';

const foldersOf = (parent: string) =>
  readdirSync(join(root, parent), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${parent}/${entry.name}`);

const rooms = [...foldersOf('server/src'), ...foldersOf('operator/src')];

describe('rooms', () => {
  it.each(rooms)('%s opens with its own sign of at most 15 lines', (room) => {
    const sign = join(root, room, 'README.md');
    expect(existsSync(sign), `${room}/README.md is missing`).toBe(true);
    const lines = readFileSync(sign, 'utf8').trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(15);
    for (const word of ['Owns', 'Does not own', 'May import', 'Start reading'])
      expect(lines.join('\n')).toContain(word);
  });

  it('no room is a drawer', () => {
    const drawers = ['utils', 'util', 'helpers', 'common', 'services', 'misc', 'shared', 'lib'];
    const found = ['server/src', 'operator/src', 'crds/src', 'examples/src'].flatMap(sourceFiles).filter((path) =>
      path
        .split('/')
        .slice(2, -1)
        .some((folder) => drawers.includes(folder)),
    );
    expect(found).toEqual([]);
  });

  it('every error code that is used is a registered one', async () => {
    const { errorStatus, pageErrors } = await import('../../server/src/protocol/errors.ts');
    const known = new Set<string>([...Object.keys(errorStatus), ...pageErrors]);
    const used = sourceFiles('server/src').flatMap((path) =>
      [...readFileSync(join(root, path), 'utf8').matchAll(/\b(?:jsonError|pageError)\(\s*'([a-z_]+)'/g)].map(
        (match) => match[1] ?? '',
      ),
    );
    expect(used.filter((code) => !known.has(code))).toEqual([]);
  });
});
