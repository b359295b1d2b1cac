import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { formatProblem } from '../../../operator/src/sources/documents.ts';
import type { NewSecret } from '../../../operator/src/sources/secret.ts';
import { SecretsFolder } from '../../../operator/src/sources/secrets-folder.ts';

/** Milliseconds: whatever is waited for takes as long as the machine needs. */
const patience = 15_000;

let base = '';
let folder = '';
let changes: string[] = [];
let time = 0;
let running: SecretsFolder[] = [];

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'nauthera-secrets-'));
  folder = join(base, '.secrets');
  changes = [];
  time = 0;
  running = [];
});
afterEach(async () => {
  for (const one of running) await one.stop();
  await rm(base, { recursive: true, force: true });
});

async function aFolder() {
  const secrets = new SecretsFolder({
    folder,
    onChange: (namespace, name) => changes.push(`${namespace}/${name}`),
    onError: (error) => changes.push(String(error)),
    now: () => performance.now() + time,
    interval: 200,
  });
  running.push(secrets);
  await secrets.start();
  return secrets;
}

const web = { namespace: 'shop', name: 'web', uid: 'u1' };

const generated = (more: Partial<NewSecret> = {}): NewSecret => ({
  namespace: 'shop',
  name: 'web-oauth2',
  type: 'servicebinding.io/oauth2',
  labels: { 'auth.nauthera.io/client': 'web' },
  annotations: { a: 'b' },
  owner: { kind: 'Client', name: 'web', uid: 'u1' },
  data: { 'client-secret': 'canary: "quoted"\n', 'client-id': 'shop.web' },
  ...more,
});
const file = () => join(folder, 'shop/web-oauth2.yaml');
const byHand = (name: string, value: string) =>
  `apiVersion: v1\nkind: Secret\nmetadata: {name: ${name}, namespace: shop}\nstringData: {password: ${value}}\n`;

// Some wait several times.
describe('secrets folder', { timeout: 120_000 }, () => {
  it('is made private, and refused when others may look into it', async () => {
    await aFolder();
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    await chmod(folder, 0o750);
    await expect(new SecretsFolder({ folder, onChange: () => {}, onError: () => {} }).start()).rejects.toThrow(
      `chmod 700 ${folder}`,
    );
  });

  it('writes a Secret as one private file that reads back the same, here and after a restart', async () => {
    const secrets = await aFolder();
    expect(await secrets.create(generated())).toBe('created');
    expect((await stat(file())).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'shop'))).mode & 0o777).toBe(0o700);
    const read = await secrets.read('shop', 'web-oauth2');
    expect(read).toMatchObject(generated());
    expect(await (await aFolder()).read('shop', 'web-oauth2')).toEqual(read);
    expect(await readdir(join(folder, 'shop'))).toEqual(['web-oauth2.yaml']);
  });

  it('creates only what is not there, updates only what it read', async () => {
    const secrets = await aFolder();
    await secrets.create(generated());
    expect(await secrets.create(generated({ data: {} }))).toBe('exists');
    const before = await secrets.read('shop', 'web-oauth2');
    if (before === undefined) throw new Error('not there');
    expect(await secrets.update(before, generated({ data: { x: '1' } }))).toBe('updated');
    expect(await secrets.update(before, generated({ data: { x: '2' } }))).toBe('changed');
    expect((await secrets.read('shop', 'web-oauth2'))?.data).toEqual({ x: '1' });
  });

  it('does not write over a file that appeared unseen', async () => {
    const secrets = await aFolder();
    await mkdir(join(folder, 'shop'), { mode: 0o700 });
    await writeFile(file(), byHand('web-oauth2', 'mine'));
    expect(await secrets.create(generated())).toBe('exists');
    expect(await readFile(file(), 'utf8')).toContain('mine');
  });

  it.each(['../x', 'a/../../x', '..', '', 'x/y', '%2e%2e', '.hidden'])(
    'A72: the name %j is refused by code',
    async (name) => {
      const secrets = await aFolder();
      await expect(secrets.create(generated({ name }))).rejects.toThrow('not a name');
      await expect(secrets.create(generated({ namespace: name }))).rejects.toThrow('not a name');
    },
  );

  it('does not follow a link out of the folder when it writes', async () => {
    const secrets = await aFolder();
    await mkdir(join(base, 'elsewhere'));
    await symlink('../elsewhere', join(folder, 'shop'));
    await expect(secrets.create(generated())).rejects.toThrow('is a link');
    expect(await readdir(join(base, 'elsewhere'))).toEqual([]);
  });

  it('sees edits and new files at once, its own writes never as changes', async () => {
    const secrets = await aFolder();
    await secrets.create(generated());
    await writeFile(join(folder, 'bind.yaml'), byHand('ldap', 'one'));
    await vi.waitFor(() => expect(changes).toEqual(['shop/ldap']), patience);
    await writeFile(join(folder, 'bind.yaml'), byHand('ldap', 'two'));
    await vi.waitFor(() => expect(changes).toEqual(['shop/ldap', 'shop/ldap']), patience);
    expect((await secrets.read('shop', 'ldap'))?.data).toEqual({ password: 'two' });
    const text = await readFile(file(), 'utf8');
    await writeFile(file(), text.replace('shop.web', 'edited'));
    await vi.waitFor(() => expect(changes).toContain('shop/web-oauth2'), patience);
  });

  it('what it writes over an edit is not undone by what was read before', async () => {
    const secrets = await aFolder();
    await secrets.create(generated());
    for (let round = 1; round <= 5; round += 1) {
      const text = await readFile(file(), 'utf8');
      await writeFile(file(), text.replace(/client-id: .*/, `client-id: edit${round}`));
      await vi.waitFor(() => expect(changes).toHaveLength(round), patience);
      const before = await secrets.read('shop', 'web-oauth2');
      expect(before?.data['client-id']).toBe(`edit${round}`);
      if (before !== undefined) expect(await secrets.update(before, generated())).toBe('updated');
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(changes).toHaveLength(round);
      expect((await secrets.read('shop', 'web-oauth2'))?.data['client-id']).toBe('shop.web');
    }
  });

  it('reports a deleted Secret after 5 s, not while an editor renames it', async () => {
    const secrets = await aFolder();
    await secrets.create(generated());
    await vi.waitFor(async () => {
      await rename(file(), join(folder, 'other.yaml'));
    });
    await new Promise((resolve) => setTimeout(resolve, 500));
    time += 6000;
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(changes).toEqual([]);
    await rm(join(folder, 'other.yaml'));
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await secrets.read('shop', 'web-oauth2')).toBeDefined();
    // Whenever it was noticed that the file is gone.
    await vi.waitFor(() => {
      time += 5000;
      expect(changes).toEqual(['shop/web-oauth2']);
    }, patience);
    expect(await secrets.read('shop', 'web-oauth2')).toBeUndefined();
    expect(await secrets.create(generated())).toBe('created');
  });

  it('a generated file edited into something unreadable is as good as deleted, one of the user keeps what it held', async () => {
    const secrets = await aFolder();
    await secrets.create(generated());
    await writeFile(join(folder, 'bind.yaml'), byHand('ldap', 'one'));
    await vi.waitFor(() => expect(changes).toEqual(['shop/ldap']), patience);
    await writeFile(join(folder, 'bind.yaml'), 'stringData: {password: "canary');
    await writeFile(file(), 'stringData: {x: "canary');
    await vi.waitFor(() => expect(secrets.problems()).toHaveLength(2), patience);
    expect(secrets.problems().map(formatProblem).join()).not.toContain('canary');
    time += 6000;
    await vi.waitFor(() => expect(changes).toEqual(['shop/ldap', 'shop/web-oauth2']), patience);
    expect((await secrets.read('shop', 'ldap'))?.data).toEqual({ password: 'one' });
    expect(await secrets.create(generated())).toBe('created');
    expect((await secrets.read('shop', 'web-oauth2'))?.data['client-id']).toBe('shop.web');
  });

  it('deletes what it read, and finds what was made for a resource', async () => {
    const secrets = await aFolder();
    await secrets.create(generated());
    expect((await secrets.ownedBy(web)).map(({ name }) => name)).toEqual(['web-oauth2']);
    expect(await secrets.ownedBy({ ...web, namespace: 'other' }), 'of another namespace').toEqual([]);
    expect(secrets.ownerOf('Client', 'shop', 'web')).toBe('u1');
    for (const one of await secrets.ownedBy(web)) await secrets.delete(one);
    expect(await readdir(join(folder, 'shop'))).toEqual([]);
    expect(await secrets.ownedBy(web)).toEqual([]);
  });

  it('names every Secret that stands twice, without its content', async () => {
    await aFolder();
    await writeFile(join(folder, 'a.yaml'), byHand('ldap', 'canary'));
    await writeFile(join(folder, 'b.yaml'), byHand('ldap', 'canary'));
    const secrets = await aFolder();
    await vi.waitFor(() => expect(secrets.problems()).toHaveLength(1), patience);
    expect(secrets.problems().map(formatProblem)).toEqual([
      `${join(folder, 'b.yaml')}:1:1 Secret "shop/ldap" stands in a.yaml too: keep one`,
    ]);
  });
});
