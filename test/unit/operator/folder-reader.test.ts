import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatProblem } from '../../../operator/src/sources/documents.ts';
import { FolderReader } from '../../../operator/src/sources/folder-reader.ts';

let base = '';
let folder = '';
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'nauthera-folder-'));
  folder = join(base, 'resources');
  await mkdir(folder);
});
afterEach(() => rm(base, { recursive: true, force: true }));

const aDocument = (name: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\n`;
const put = (path: string, text: string) => writeFile(join(folder, path), text);
const aReader = (settle = 0, now?: () => number) =>
  new FolderReader({ folder, shownAs: 'resources', settle, ...(now === undefined ? {} : { now }) });

async function look(reader = aReader()) {
  const scan = await reader.scan();
  return {
    complete: scan.complete,
    files: Object.fromEntries(scan.files.map((file) => [file.path, `${file.state} ${file.documents.length}`])),
    problems: [...scan.problems, ...scan.files.flatMap((file) => file.problems)].map(formatProblem),
  };
}

describe('folder reader', () => {
  it('reads YAML and JSON in folders below, several documents a file, and no dot file', async () => {
    await mkdir(join(folder, 'shop/.git'), { recursive: true });
    await put('a.yaml', `${aDocument('a')}---\n${aDocument('b')}---\n`);
    await put('shop/b.yml', aDocument('c'));
    await put('c.json', '{"kind":"ConfigMap"}');
    await put('notes.txt', 'x: [');
    await put('.a.yaml.swp', 'x: [');
    await put('shop/.git/x.yaml', 'x: [');
    expect(await look()).toEqual({
      complete: true,
      files: { 'a.yaml': 'read 2', 'c.json': 'read 1', 'shop/b.yml': 'read 1' },
      problems: [],
    });
  });

  it.each([
    [
      'not YAML',
      'a: 1\n  b: 2\n',
      'resources/x.yaml:1:4 not valid YAML: a second colon on one line: put the text in quotes',
    ],
    [
      'cut off in a quote',
      'kind: Client\nspec: {a: "b',
      'resources/x.yaml:2:11 not valid YAML: the " here is not closed: put its " where it ends',
    ],
    [
      'cut off in a list',
      'spec:\n  scopes: [openid, [profile]\n  displayName: "x"\n',
      'resources/x.yaml:2:11 not valid YAML: the [ here is not closed: put its ] where it ends',
    ],
    [
      'indented wrongly',
      'spec:\n a: [x]\n  b: y\n',
      'resources/x.yaml:3:1 not valid YAML: indented unlike its neighbours: line it up with them',
    ],
    [
      'more than a resource',
      '- 1\n',
      'resources/x.yaml:1:1 not a resource: start it with apiVersion, kind and metadata',
    ],
    [
      'aliases that would fill the memory',
      `a: &a [${'x,'.repeat(20)}]\nb: &b [${'*a,'.repeat(20)}]\nc: &c [${'*b,'.repeat(20)}]\nd: [${'*c,'.repeat(20)}]\n`,
      'resources/x.yaml:1:1 anchors are repeated too often, or one is missing: write the values out',
    ],
    ['nested without end', '['.repeat(200_000), 'nested too deeply: a resource needs no more than a dozen levels'],
    ['larger than 1 MiB', `#${'x'.repeat(1_048_576)}`, 'resources/x.yaml:1:1 1.0 MiB: a file may have 1 MiB, split it'],
  ])('a file that is %s is broken, the others are read', async (_, text, problem) => {
    await put('good.yaml', aDocument('good'));
    await put('x.yaml', text);
    const found = await look();
    expect(found.files).toEqual({ 'good.yaml': 'read 1', 'x.yaml': 'broken 0' });
    expect(found.problems).toHaveLength(1);
    expect(found.problems[0]).toContain(problem);
  });

  it('A78: what cannot be parsed is never quoted', async () => {
    await put('x.yaml', 'kind: Secret\nstringData:\n  password: "canary\\qcanary" canary\n canary\n');
    expect(JSON.stringify((await look()).problems)).not.toContain('canary');
  });

  it('a file that is not UTF-8 is broken', async () => {
    await writeFile(join(folder, 'x.yaml'), Buffer.from([0x61, 0x3a, 0x20, 0xff, 0xfe]));
    expect((await look()).problems).toEqual(['resources/x.yaml:1:1 not UTF-8: save it as UTF-8']);
  });

  it('A76: a link that leaves the folder is not read, one that stays is', async () => {
    await writeFile(join(base, 'outside.yaml'), aDocument('outside'));
    await mkdir(join(base, 'resources-too'));
    await writeFile(join(base, 'resources-too/x.yaml'), aDocument('outside'));
    await put('inside.yaml', aDocument('inside'));
    await symlink('../outside.yaml', join(folder, 'up.yaml'));
    await symlink('/etc/passwd', join(folder, 'passwd.yaml'));
    await symlink('../resources-too/x.yaml', join(folder, 'twin.yaml'));
    await symlink('inside.yaml', join(folder, 'alias.yaml'));
    await symlink('nowhere.yaml', join(folder, 'dangling.yaml'));
    await symlink('..', join(folder, 'parent'));
    const found = await look();
    expect(found.files).toEqual({
      'alias.yaml': 'read 1',
      'dangling.yaml': 'broken 0',
      'inside.yaml': 'read 1',
      'passwd.yaml': 'broken 0',
      'twin.yaml': 'broken 0',
      'up.yaml': 'broken 0',
    });
    expect(found.problems.filter((problem) => problem.includes('leaves the folder'))).toHaveLength(3);
    expect(found.problems).toContain('resources/parent:1:1 a link to a folder is not followed: put the folder here');
  });

  it('a pipe is refused without waiting for a writer', async () => {
    execFileSync('mkfifo', [join(folder, 'pipe.yaml')]);
    expect(await look()).toMatchObject({ files: { 'pipe.yaml': 'broken 0' } });
  });

  it('a mounted ConfigMap (links through a hidden folder) is read', async () => {
    await mkdir(join(folder, '..2026_01_01'));
    await put('..2026_01_01/web.yaml', aDocument('web'));
    await symlink('..2026_01_01', join(folder, '..data'));
    await symlink('..data/web.yaml', join(folder, 'web.yaml'));
    expect(await look()).toEqual({ complete: true, files: { 'web.yaml': 'read 1' }, problems: [] });
  });

  it('a missing folder is not an empty one', async () => {
    await rename(folder, join(base, 'elsewhere'));
    expect(await look()).toEqual({
      complete: false,
      files: {},
      problems: ['resources:1:1 not there: check the path'],
    });
  });

  describe('a file that was written a moment ago', () => {
    it('settles before it is read, and counts as what it was meanwhile', async () => {
      let now = Date.now() + 10_000;
      const reader = aReader(100, () => now);
      await put('x.yaml', aDocument('a'));
      await utimes(join(folder, 'x.yaml'), new Date(now - 5000), new Date(now - 5000));
      expect((await look(reader)).files).toEqual({ 'x.yaml': 'read 1' });
      await put('x.yaml', '');
      await utimes(join(folder, 'x.yaml'), new Date(now), new Date(now));
      expect((await look(reader)).files).toEqual({ 'x.yaml': 'settling 1' });
      now += 90;
      expect((await look(reader)).files).toEqual({ 'x.yaml': 'settling 1' });
      await put('x.yaml', `${aDocument('a')}---\n${aDocument('b')}`);
      await utimes(join(folder, 'x.yaml'), new Date(now), new Date(now));
      now += 50;
      expect((await look(reader)).files).toEqual({ 'x.yaml': 'settling 1' });
      now += 51;
      expect((await look(reader)).files).toEqual({ 'x.yaml': 'read 2' });
    });

    it('stays broken if it was, until it is read: what it said before it broke does not come back', async () => {
      let now = Date.now() + 10_000;
      const reader = aReader(100, () => now);
      const write = async (text: string, age: number) => {
        await put('x.yaml', text);
        await utimes(join(folder, 'x.yaml'), new Date(now - age), new Date(now - age));
      };
      await write(aDocument('a'), 5000);
      await look(reader);
      await write('a: [', 5000);
      const broken = await look(reader);
      expect(broken.files).toEqual({ 'x.yaml': 'broken 0' });
      await write(aDocument('b'), 0);
      expect(await look(reader)).toEqual(broken);
      now += 50;
      await write(aDocument('c'), 0);
      expect(await look(reader)).toEqual(broken);
      now += 101;
      expect((await look(reader)).files).toEqual({ 'x.yaml': 'read 1' });
      await write(aDocument('d'), 0);
      expect((await look(reader)).files).toEqual({ 'x.yaml': 'settling 1' });
    });

    it('is not read before those that were written before it, however long a look takes', async () => {
      let now = Date.now() + 10_000;
      const written = new Date(now);
      for (const path of ['first.yaml', 'second.yaml']) {
        await put(path, aDocument('a'));
        await utimes(join(folder, path), written, written);
      }
      // Every question for the time takes longer than a file settles.
      const reader = aReader(100, () => (now += 90));
      expect((await look(reader)).files).toEqual({ 'first.yaml': 'settling 0', 'second.yaml': 'settling 0' });
      expect((await look(reader)).files).toEqual({ 'first.yaml': 'read 1', 'second.yaml': 'read 1' });
    });

    it('with a time from the future is read all the same', async () => {
      let now = Date.now();
      const reader = aReader(100, () => now);
      await put('x.yaml', aDocument('a'));
      await utimes(join(folder, 'x.yaml'), new Date(now + 3_600_000), new Date(now + 3_600_000));
      expect((await look(reader)).files).toEqual({ 'x.yaml': 'settling 0' });
      now += 100;
      expect((await look(reader)).files).toEqual({ 'x.yaml': 'read 1' });
    });
  });
});
