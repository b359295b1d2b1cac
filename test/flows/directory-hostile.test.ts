/**
 * F53, A45, I8: a directory that is dead, hung or means harm, before a process of its own and under a stream of sign-ins. Every
 * sign-in ends with a page that says so, the process lives, its memory stays, other grants are given, and it recovers.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { bindAnswer, doneAnswer, entryAnswer, referenceAnswer } from '../support/ber.ts';
import { aClient } from '../support/builders.ts';
import { registrationOf } from '../support/directories.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { type FaultProxy, startFaultProxy } from '../support/proxy.ts';
import { keyFileText, Replica } from '../support/replica.ts';
import { type ScriptedRequest, type ScriptedServer, startScriptedLdap } from '../support/scripted-ldap.ts';
import { seedDn, seedPassword, seedSuffix } from '../support/slapd-seed.ts';
import { unlessBusy } from '../support/unless-busy.ts';
import { authorizePath, keyEncryptionKey, type TokenAnswer, World, webApp } from '../support/world.ts';

/** MiB that the process may grow by, however long it goes on. */
const growth = 50;
/**
 * MiB that meeting each harm for the first time may take beside. Four connections hold 4 MiB of an answer each, and what was let
 * go is collected late; without those 4 MiB it would be four times 64 and their copies.
 */
const growthAtFirst = 120;
/** Sign-ins that are under way at any time. */
const stream = 8;
/** A request ends by itself; a wide margin above the 8 s that a handler may take. */
const ends = 60_000;

let postgres: TestPostgres;
let hostile: ScriptedServer;
let proxy: FaultProxy;
let world: World;
let replica: Replica;
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nauthera-hostile-'));
  const keyFile = join(folder, 'key');
  await writeFile(keyFile, keyFileText(keyEncryptionKey), { mode: 0o600 });
  [postgres, hostile] = await Promise.all([startPostgres('newest'), startScriptedLdap()]);
  proxy = await startFaultProxy(hostile.port);
  const databaseUrl = await postgres.createDatabase();
  const { group_search: _, ...registration } = registrationOf(
    {
      url: `ldaps://localhost:${proxy.port}`,
      caPem: hostile.caPem,
      bindDn: `cn=reader,${seedSuffix}`,
      bindPassword: 'reads',
      baseDn: seedSuffix,
    },
    { timeouts: { connect: 1000, bind: 1000, search: 1000 } },
  );
  world = await World.open({
    databaseUrl,
    replicas: 0,
    clients: [webApp(), aClient('shop.job').machine('secret-of-shop.job').build()],
    directories: { 'shop/people': registration },
  });
  replica = await Replica.start({ databaseUrl, keyFile });
  world.urls = [replica.url];
});
afterAll(async () => {
  await replica?.stop();
  await world?.stop();
  await proxy?.close();
  await Promise.all([postgres?.stop(), hostile?.[Symbol.asyncDispose]()]);
  if (folder !== '') await rm(folder, { recursive: true, force: true });
});
const forgetTries = () => world.rows('DELETE FROM login_attempts');
beforeEach(async () => {
  proxy.pass();
  await forgetTries();
});

const searches = (answer: (request: ScriptedRequest) => void) =>
  hostile.answer((request) => {
    if (request.operation === 'bind') request.socket.write(bindAnswer(request.id, 0));
    if (request.operation === 'search') answer(request);
  });
/** Again and again, as fast as it is taken. */
const endlessly = (make: (id: number) => Buffer) =>
  searches(({ id, socket }) => {
    const bytes = make(id);
    const next = () => {
      if (!socket.destroyed) socket.write(bytes, next);
    };
    next();
  });
const ada = (id: number, more: Readonly<Record<string, readonly string[]>> = {}) =>
  entryAnswer(id, seedDn('ada'), { uid: ['ada'], entryUUID: ['8bd2720e-7d3a-1041-83a3-bb91e64e8f7d'], ...more });
const behave = () => searches(({ id, socket }) => void socket.write(Buffer.concat([ada(id), doneAnswer(id, 0)])));

/** What somebody sees who signs in. */
const signIn = async (): Promise<string> => {
  const browser = world.browser();
  // A machine that is too slow for all of this refuses before anybody is asked.
  const login = await unlessBusy(() => browser.get(authorizePath()));
  const began = performance.now();
  const page = await browser.submit(login, { username: 'ada', password: seedPassword('ada'), 'sign-in': '1' });
  expect(performance.now() - began).toBeLessThan(ends);
  return `${page.name} ${page.status}`;
};
/** So many after and beside each other; the different pages that they saw. */
const signIns = async (count: number): Promise<readonly string[]> => {
  const seen = new Set<string>();
  for (let left = count; left > 0; left -= stream) {
    await forgetTries();
    for (const page of await Promise.all(Array.from({ length: Math.min(stream, left) }, signIn))) seen.add(page);
  }
  return [...seen].toSorted();
};
const unavailable = 'error:temporarily_unavailable 503';
const recovers = async () => {
  proxy.pass();
  behave();
  const again = async () => {
    await forgetTries();
    return signIn();
  };
  // A look at it that began before may still fail, and whoever waits for it with it.
  await expect.poll(again, { interval: 200 }).toBe('consent 200');
};

/** MiB of the process that are in memory. */
const resident = async () =>
  Number(/VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${replica.pid}/status`, 'utf8'))?.[1]) / 1024;

const seeded = (seed: number) => () => {
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
  return seed;
};

const harm: Readonly<Record<string, () => void>> = {
  'dead, it refuses connections': () => {
    proxy.refuse();
    proxy.reset();
  },
  'hung, it accepts and is silent': () => proxy.blackHole('all'),
  'entries without an end': () => endlessly((id) => ada(id)),
  'references without an end': () => endlessly((id) => referenceAnswer(id, 'x'.repeat(60_000))),
  'one entry of 64 MiB': () =>
    searches(({ id, socket }) => {
      const whole = entryAnswer(id, seedDn('ada'), { uid: ['ada'], description: ['x'.repeat(1024 * 1024)] });
      // The head says 64 MiB; what it announces follows.
      const next = (left: number) => {
        if (left > 0 && !socket.destroyed) socket.write(whole, () => next(left - 1));
      };
      socket.write(Buffer.from('308404000000', 'hex'), () => next(64));
    }),
  'an entry of a hundred thousand values': () =>
    searches(({ id, socket }) => {
      const values = Array.from({ length: 100_000 }, (_, index) => `value-${index}-${'x'.repeat(40)}`);
      socket.write(Buffer.concat([ada(id, { displayName: values }), doneAnswer(id, 0)]));
    }),
  'a length of 2 GB': () => searches(({ socket }) => void socket.write(Buffer.from('30847fffffff', 'hex'))),
  'random bytes': () => {
    const random = seeded(11);
    searches(({ socket }) => void socket.write(Buffer.from(Array.from({ length: 4096 }, () => random() & 0xff))));
  },
  'silence after half an entry': () => searches(({ id, socket }) => void socket.write(ada(id).subarray(0, 20))),
};

/** As a program does that is told to come later: a machine that is too slow for all of this says so to anybody. */
async function served(ask: () => Promise<TokenAnswer>): Promise<TokenAnswer> {
  for (const deadline = Date.now() + 60_000; ; await sleep(100)) {
    const answer = await ask();
    if (answer.status !== 503 || Date.now() > deadline) return answer;
  }
}

/** A stream of sign-ins into each harm, on connections from before it, and somebody else's request beside. */
async function meetAll(): Promise<void> {
  for (const [kind, begin] of Object.entries(harm)) {
    await recovers();
    begin();
    const machine = served(() => world.token({ grant_type: 'client_credentials' }, 'shop.job'));
    expect([kind, ...(await signIns(stream)), (await machine).status]).toEqual([kind, unavailable, 200]);
  }
}

/** MiB of the process at most while this is done. */
async function mostWhile(work: () => Promise<void>): Promise<number> {
  let most = 0;
  let working = true;
  const watch = (async () => {
    for (; working; await sleep(20)) most = Math.max(most, await resident());
  })();
  try {
    await work();
  } finally {
    working = false;
    await watch;
  }
  return most;
}

it('whatever it does: 503 for whoever signs in, a process that lives and stays small, tokens for others', async () => {
  behave();
  // As large as it is under load, in health; the machine may be too slow for one or the other sign-in.
  await signIns(60);
  const { pid } = replica;
  const before = await resident();
  const atFirst = await mostWhile(meetAll);
  expect(atFirst - before).toBeLessThan(growthAtFirst);
  expect((await mostWhile(meetAll)) - atFirst).toBeLessThan(growth);
  expect(replica.pid).toBe(pid);
  await recovers();
}, 600_000);

it('fuzzed answers, 160 of them: a page or 503, and right answers are understood afterwards', async () => {
  const random = seeded(23);
  searches(({ id, socket }) => {
    const bytes = Buffer.concat([ada(id), doneAnswer(id, 0)]);
    for (let change = 0; change < 1 + (random() % 4); change += 1) bytes[random() % bytes.length] = random() & 0xff;
    socket.end(bytes);
  });
  for (const page of await signIns(160)) expect(['login 200', 'consent 200', unavailable]).toContain(page);
  await recovers();
});
