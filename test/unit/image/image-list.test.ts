/** The list of a release's images, for who copies them to where there is no internet. */
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imagesIn, pinned } from '../../../image/src/image-list.ts';

const digest = `sha256:${'ab'.repeat(32)}`;

describe('the images of a rendered chart', () => {
  it('of the server alone, where the operator runs another', () => {
    const rendered = ['image: "a/b:1"', 'args:', '  - --server-image=a/c:2', '  - image: a/b:1'].join('\n');
    expect(imagesIn(rendered)).toEqual(['a/b:1', 'a/c:2']);
  });

  it('keep a digest that they have, and get that of the registry', async () => {
    expect(await pinned(`a/b@${digest}`, () => Promise.reject(new Error('asked')))).toBe(`a/b@${digest}`);
    expect(await pinned('a/b:1', () => Promise.resolve(`${digest}\n`))).toBe(`a/b:1@${digest}`);
    await expect(pinned('a/b:1', () => Promise.resolve('<no value>'))).rejects.toThrow('a/b:1: the registry shows no');
  });
});

describe('the program', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nauthera-image-list-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** @param docker what stands in for it, which no registry is behind */
  const run = async (docker: string, rendered: string) => {
    await writeFile(join(folder, 'docker'), `#!/bin/sh\n${docker}\n`);
    await chmod(join(folder, 'docker'), 0o755);
    const program = join(import.meta.dirname, '../../../image/src/image-list.ts');
    const env = { ...process.env, PATH: `${folder}:${process.env['PATH'] ?? ''}` };
    const running = promisify(execFile)(process.execPath, [program], { env });
    running.child.stdin?.end(rendered);
    return (await running).stdout;
  };

  it('prints a line for each', async () => {
    const docker = `[ "$1 $2 $3 $4" = "buildx imagetools inspect --format" ] && echo ${digest}`;
    expect(await run(docker, 'image: "b:2"\nimage: "a:1"\n')).toBe(`a:1@${digest}\nb:2@${digest}\n`);
  });
  it.each([
    ['no registry that knows it', 'echo "not found" >&2; exit 1', 'image: "a:1"\n', /not found/],
    ['no image', 'exit 0', 'kind: List\n', /no rendered chart with an image/],
  ])('%s ends it', async (_, docker, rendered, says) => {
    await expect(run(docker, rendered)).rejects.toThrow(says);
  });
});
