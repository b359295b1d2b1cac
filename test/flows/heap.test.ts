/**
 * What people and programs prove themselves with is forgotten once it was judged: searched for in snapshots of the heap of a
 * server process, which hold every string that anything still refers to.
 */
import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aClient } from '../support/builders.ts';
import { registrationOf } from '../support/directories.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { keyFileText, Replica } from '../support/replica.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { seedDn } from '../support/slapd-seed.ts';
import { basicOf, introspect, postForm, revoke } from '../support/tokens.ts';
import {
  authorizePath,
  codeFields,
  keyEncryptionKey,
  refreshFields,
  verifier,
  World,
  webApp,
} from '../support/world.ts';

const password = 'canary-password-of-ada';
const clientSecret = 'canary-client-secret-of-shop-batch-4711';
const wrongPassword = 'canary-wrong-password-4711';
const wrongSecret = 'canary-wrong-client-secret-4711';
/** Stands in every snapshot: one that was written by half would hold nothing, either. */
const present = 'shop.present';

let postgres: TestPostgres;
let slapd: Slapd;
let world: World;
let replica: Replica;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nauthera-heap-'));
  const keyFile = join(folder, 'key');
  await writeFile(keyFile, keyFileText(keyEncryptionKey), { mode: 0o600 });
  [postgres, slapd] = await Promise.all([startPostgres('newest'), startSlapd()]);
  await slapd.modify(
    `dn: ${seedDn('ada')}\nchangetype: modify\nreplace: userPassword\nuserPassword: ${password}\n-\nreplace: pwdReset\n`,
  );
  const databaseUrl = await postgres.createDatabase();
  world = await World.open({
    databaseUrl,
    replicas: 0,
    clients: [webApp(), aClient('shop.batch').machine(clientSecret).build(), webApp(present)],
    directories: { 'shop/people': registrationOf(slapd) },
  });
  const nodeOptions = [
    '--heapsnapshot-signal=SIGUSR2',
    `--diagnostic-dir=${folder}`,
    // Longer strings would be cut, and a form holds its password behind a sealed request.
    '--heap-snapshot-string-limit=1000000',
  ];
  replica = await Replica.start({ databaseUrl, keyFile, nodeOptions });
  world.urls = [replica.url];
});
afterAll(async () => {
  await replica?.stop();
  await world?.stop();
  await Promise.all([postgres?.stop(), slapd?.close()]);
  await rm(folder, { recursive: true, force: true });
});

const snapshots = async () => (await readdir(folder)).filter((name) => name.endsWith('.heapsnapshot'));

/** Which of these stand in a snapshot of the heap that is taken now. */
async function found(texts: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const before = await snapshots();
  process.kill(replica.pid ?? 0, 'SIGUSR2');
  for (;;) {
    const [name] = (await snapshots()).filter((one) => !before.includes(one));
    // Whole when it ends as it has to.
    const file = name === undefined ? undefined : join(folder, name);
    const hits = file === undefined ? undefined : await search(file, Object.values(texts));
    if (hits !== undefined) return Object.keys(texts).filter((key) => hits.has(texts[key] ?? ''));
    await sleep(200);
  }
}

/** @returns `undefined` for a file that is not written to its end. */
async function search(file: string, texts: readonly string[]): Promise<ReadonlySet<string> | undefined> {
  const hits = new Set<string>();
  let rest = '';
  for await (const chunk of createReadStream(file, 'utf8')) {
    const text = rest + String(chunk);
    for (const one of texts) if (text.includes(one)) hits.add(one);
    rest = text.slice(-1000);
  }
  return rest.trimEnd().endsWith(']}') ? hits : undefined;
}

describe('F16, I4: the heap of a server', () => {
  const secrets: Record<string, string> = {
    password,
    'a wrong password': wrongPassword,
    'a client secret': clientSecret,
    'a wrong client secret': wrongSecret,
    'a code verifier': verifier,
  };

  async function live(turn: number): Promise<void> {
    const browser = world.browser();
    const login = await browser.get(authorizePath({ prompt: 'login consent' }));
    const enter = (word: string) => browser.submit(login, { username: 'ada', password: word, 'sign-in': '1' });
    if (turn === 0) expect((await enter(wrongPassword)).problem).toMatch(/not right/);
    const consent = await enter(password);
    const { code = '' } = (await browser.submit(consent, { decision: 'allow' })).response;
    const first = await world.token(codeFields(code));
    expect(first.status).toBe(200);
    const second = await world.token(refreshFields(first.body.refresh_token));
    expect(second.status).toBe(200);
    secrets[`code ${turn}`] = code;
    secrets[`refresh token ${turn}`] = second.body.refresh_token ?? '';
    expect(
      (await postForm(world, '/token', { grant_type: 'client_credentials' }, basicOf('shop.batch', clientSecret)))
        .status,
    ).toBe(200);
    expect(
      (await postForm(world, '/token', { grant_type: 'client_credentials' }, basicOf('shop.batch', wrongSecret)))
        .status,
    ).toBe(401);
    await introspect(world, second.body.refresh_token, 'shop.web');
    await revoke(world, second.body.refresh_token, 'shop.web');
  }

  it('holds no password, secret, code, verifier or refresh token once the requests are over', async () => {
    for (let turn = 0; turn < 5; turn += 1) await live(turn);
    // Whoever comes next: engines keep the last text that a pattern was tried on, and sockets their last bytes.
    for (let turn = 0; turn < 20; turn += 1) {
      await fetch(`${replica.url}/authorize?client_id=nobody`, { redirect: 'manual' });
      await postForm(world, '/token', { grant_type: 'client_credentials' }, basicOf('shop.nobody'));
    }
    expect(await found({ ...secrets, present })).toEqual(['present']);
  }, 240_000);
});
