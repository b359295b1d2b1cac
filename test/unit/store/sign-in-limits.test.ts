import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { triesPerAddress, triesPerEntry } from '../../../server/src/store/login-attempts.ts';
import { root } from '../../rules/sources.ts';

it('what is told of the limits beside a directory’s lockout is what is counted', async () => {
  const text = await readFile(join(root, 'docs/explanation/sign-in-limits.md'), 'utf8');
  expect(text).toContain(`${triesPerEntry} failures at once, then 1 a minute`);
  expect(text).toContain(`${triesPerAddress} a minute, however many entries`);
  expect(text).toContain(`**${triesPerEntry} + W**`);
  for (const [, tries, window, sum] of text.matchAll(/(\d+) \+ (\d+) = (\d+)/g)) {
    expect([Number(tries), Number(sum)]).toEqual([triesPerEntry, Number(tries) + Number(window)]);
  }
});
