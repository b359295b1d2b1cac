import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { costs, covered } from '../support/costs.ts';
import { sourceFiles } from './sources.ts';

const root = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const endpoints = sourceFiles('server/src/endpoints').filter((path) =>
  /\bapp\.(?:get|post|route)\(|mountDocument\(app/.test(read(path)),
);
const grants = sourceFiles('server/src/grants').filter((path) => /\bgrantType: '/.test(read(path)));

describe('the cost table', () => {
  it('sees endpoints and grants', () => {
    expect(endpoints.length).toBeGreaterThan(7);
    expect(grants.length).toBeGreaterThan(2);
  });

  it.each(
    [...endpoints, ...grants].filter((path) => !path.endsWith('/document.ts') && !path.endsWith('/grants/grant.ts')),
  )('%s has a line', (path) => {
    expect(covered[path.replace('server/src/', '')] ?? []).not.toEqual([]);
  });

  it('every line is held by a test', () => {
    const tests = sourceFiles('test/flows').map(read).join('\n');
    const unheld = Object.keys(costs).filter(
      (name) => !tests.includes(`'${name}'`) && !tests.includes(`costs.${name}`),
    );
    expect(unheld).toEqual([]);
  });
});
