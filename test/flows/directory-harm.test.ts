/** A45, F53: a directory that means harm, or speaks no LDAP: what it says is never an answer, and costs nobody else anything. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DirectoryUnavailable } from '../../server/src/directory/directory.ts';
import {
  bindAnswer,
  doneAnswer,
  element,
  entryAnswer,
  message,
  noticeAnswer,
  referenceAnswer,
} from '../support/ber.ts';
import { never, openDirectories, registrationOf, type TestDirectories } from '../support/directories.ts';
import { type ScriptedRequest, type ScriptedServer, startScriptedLdap } from '../support/scripted-ldap.ts';
import { seedDn, seedSuffix } from '../support/slapd-seed.ts';

/** No limit but the one that is tested ends anything before {@link endless}: what comes {@link soon} was ended by it. */
const soon = 30_000;
const endless = 90_000;
const endlessly = { connect: endless, bind: endless, search: endless } as const;

/** It throws {@link DirectoryUnavailable}, and {@link soon}. */
async function unavailable(work: Promise<unknown>): Promise<void> {
  const start = performance.now();
  await expect(work).rejects.toThrow(DirectoryUnavailable);
  expect(performance.now() - start).toBeLessThan(soon);
}

function registrationOfHostile(
  { port, caPem }: ScriptedServer,
  timeouts: Readonly<Record<keyof typeof endlessly, number>>,
) {
  const reader = { bindDn: `cn=reader,${seedSuffix}`, bindPassword: 'reads', baseDn: seedSuffix };
  const { group_search: _, ...rest } = registrationOf(
    { url: `ldaps://localhost:${port}`, caPem, ...reader },
    { timeouts },
  );
  return rest;
}

describe('A45, F53: a directory that means harm', () => {
  let hostile: ScriptedServer;
  let asked: TestDirectories;
  beforeEach(async () => {
    hostile = await startScriptedLdap();
    asked = openDirectories({
      people: registrationOfHostile(hostile, endlessly),
    });
  });
  afterEach(async () => {
    await asked[Symbol.asyncDispose]();
    await hostile[Symbol.asyncDispose]();
  });

  const bindsSucceed = (search: (request: ScriptedRequest) => void) =>
    hostile.answer((request) => {
      if (request.operation === 'bind') request.socket.write(bindAnswer(request.id, 0));
      if (request.operation === 'search') search(request);
    });
  const write = (...bytes: ((id: number) => Buffer)[]) =>
    bindsSucceed(({ id, socket }) => void socket.write(Buffer.concat(bytes.map((make) => make(id)))));
  const ada = (id: number) =>
    entryAnswer(id, seedDn('ada'), { uid: ['ada'], entryUUID: ['8bd2720e-7d3a-1041-83a3-bb91e64e8f7d'] });
  const done = (code: number) => (id: number) => doneAnswer(id, code);

  it('is understood while it behaves', async () => {
    write(ada, done(0));
    expect(await asked.user('ada')).toMatchObject({ username: 'ada' });
  });

  const wrong: Readonly<Record<string, ((id: number) => Buffer)[]>> = {
    'an attribute list that its parser never leaves': [
      (id) => message(id, element(0x64, Buffer.from('0400301330 0104'.replace(' ', ''), 'hex'))),
    ],
    'an answer to another question': [(id) => doneAnswer(id + 1, 0)],
    'an answer to a bind': [(id) => bindAnswer(id, 0)],
    'a notice of disconnection': [() => noticeAnswer()],
    'a length of 2 GB': [() => Buffer.from('30847fffffff', 'hex')],
    'plain text': [() => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
    'an entry without an id': [(id) => entryAnswer(id, seedDn('ada'), { uid: ['ada'] }), done(0)],
    'an entry without a name': [(id) => entryAnswer(id, seedDn('ada'), { entryUUID: ['1'] }), done(0)],
    'an entry with an empty DN': [(id) => entryAnswer(id, '', { uid: ['ada'], entryUUID: ['1'] }), done(0)],
    'an entry called EXTERNAL': [(id) => entryAnswer(id, 'EXTERNAL', { uid: ['ada'], entryUUID: ['1'] }), done(0)],
    'one entry, then busy': [ada, done(51)],
    'one entry and a size limit of its own': [ada, done(4)],
    'no entry and a size limit of its own': [done(4)],
    'no such base': [done(32)],
    'a referral as result': [done(10)],
    'success with an error code of -1': [(id) => message(id, element(0x65, Buffer.from('0a01ff04000400', 'hex')))],
    'a password policy that does not fit': [
      (id) =>
        message(
          id,
          element(0x65, Buffer.from('0a010004000400', 'hex')),
          Buffer.from('a0053003040178', 'hex'),
          Buffer.from('05', 'hex'),
        ),
    ],
  };
  it.each(Object.entries(wrong))('%s: unavailable, never an answer', async (_title, bytes) => {
    write(...bytes);
    await unavailable(asked.port.find('ada', never));
  });

  it('more entries than were asked for: of several nobody is meant, and the server is as well as before', async () => {
    write(ada, ada, ada, done(0));
    expect(await asked.port.find('ada', never)).toMatchObject({ known: false });
    expect(asked.port.servers().map(({ up }) => up)).toEqual([true]);
  });

  it('referrals are counted and not followed; a search that brings nothing else found nobody by that name', async () => {
    await using elsewhere = await startScriptedLdap();
    write((id) => referenceAnswer(id, elsewhere.url), done(0));
    asked.forget();
    expect(await asked.port.find('ada', never)).toMatchObject({ known: false });
    expect(elsewhere.requests).toEqual([]);
    const counted = asked.operations.filter(({ operation }) => operation === 'search').map((one) => one.references);
    expect(counted[0]).toBe(1);
  });

  it('referrals: nobody can say that an entry behind one is gone', async () => {
    write((id) => referenceAnswer(id, 'ldaps://elsewhere.example'), done(0));
    await expect(asked.port.lookup({ directory: 'shop/people', entryId: 'x' }, never)).rejects.toThrow(
      DirectoryUnavailable,
    );
  });

  it('never ending entries: cut off at 4 MiB, memory stays', async () => {
    let sent = 0;
    const big = 'x'.repeat(60_000);
    bindsSucceed(({ id, socket }) => {
      const next = () => {
        if (socket.destroyed || sent > 64 * 1024 * 1024) return;
        const bytes = referenceAnswer(id, big);
        sent += bytes.length;
        socket.write(bytes, next);
      };
      next();
    });
    const before = process.memoryUsage().rss;
    await unavailable(asked.user('ada'));
    expect(sent).toBeLessThan(32 * 1024 * 1024);
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
  });

  it('one octet at a time: cut off in time', async () => {
    asked.snapshots.set({
      people: registrationOfHostile(hostile, { ...endlessly, search: 2000 }),
    });
    bindsSucceed(({ id, socket }) => {
      const bytes = ada(id);
      let at = 0;
      const timer = setInterval(() => {
        if (socket.destroyed || at >= bytes.length) return clearInterval(timer);
        socket.write(bytes.subarray(at, at + 1));
        at += 1;
      }, 50);
    });
    // What takes six seconds on a fast machine.
    await unavailable(asked.user('ada'));
  });

  it('a right answer among random bytes changes nobody else', async () => {
    let seed = 7;
    const random = () => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
      return seed;
    };
    bindsSucceed(({ id, socket }) => {
      const bytes = Buffer.concat([ada(id), doneAnswer(id, 0)]);
      for (let change = 0; change < 3; change += 1) bytes[random() % bytes.length] = random() & 0xff;
      socket.end(bytes);
    });
    for (let round = 0; round < 100; round += 1) {
      const [outcome] = await Promise.allSettled([asked.port.find('ada', never)]);
      if (outcome?.status === 'rejected') expect(outcome.reason).toBeInstanceOf(DirectoryUnavailable);
    }
    write(ada, done(0));
    expect(await asked.user('ada')).toMatchObject({ username: 'ada' });
  });

  it('a peer that leaves when it is asked again is asked once more, on a new connection', async () => {
    const served = new Map<unknown, number>();
    const right = ({ id, socket }: ScriptedRequest) => socket.write(Buffer.concat([ada(id), doneAnswer(id, 0)]));
    bindsSucceed((request) => {
      const before = served.get(request.socket) ?? 0;
      served.set(request.socket, before + 1);
      if (before === 0) right(request);
      else request.socket.destroy();
    });
    for (let round = 0; round < 3; round += 1)
      expect(await asked.port.find('ada', never)).toMatchObject({ user: { username: 'ada' } });
    expect(served.size).toBe(3);
    // One that leaves on a new connection has given its answer.
    bindsSucceed(({ socket }) => void socket.destroy());
    await unavailable(asked.user('ada'));
  });

  it('answers nobody asked for end an idle connection', async () => {
    let kept: ScriptedRequest | undefined;
    bindsSucceed((request) => {
      kept = request;
      request.socket.write(Buffer.concat([ada(request.id), doneAnswer(request.id, 0)]));
    });
    await asked.user('ada');
    kept?.socket.write(doneAnswer(99, 0));
    await expect.poll(() => kept?.socket.destroyed).toBe(true);
    expect(await asked.user('ada')).toMatchObject({ username: 'ada' });
  });

  const bindCodes: readonly (readonly [number, string])[] = [
    [19, 'credentials'],
    [32, 'credentials'],
    [34, 'credentials'],
    [48, 'credentials'],
    [49, 'credentials'],
    [50, 'credentials'],
    [53, 'credentials'],
    [1, 'unavailable'],
    [2, 'unavailable'],
    [3, 'unavailable'],
    [8, 'unavailable'],
    [10, 'unavailable'],
    [11, 'unavailable'],
    [13, 'unavailable'],
    [14, 'unavailable'],
    [51, 'unavailable'],
    [52, 'unavailable'],
    [80, 'unavailable'],
    [255, 'unavailable'],
  ];
  it.each(bindCodes)(
    'a user bind that ends with %i: %s; only 0 and 49 leave a connection behind',
    async (code, expected) => {
      hostile.answer((request) => {
        const { id, operation, name, socket } = request;
        if (operation === 'bind') socket.write(bindAnswer(id, name === seedDn('ada') ? code : 0));
        if (operation === 'search') socket.write(Buffer.concat([ada(id), doneAnswer(id, 0)]));
      });
      const login = () =>
        asked.login('ada', 'x').then(
          (one) => (one.outcome === 'rejected' ? one.reason : one.outcome),
          (error) => {
            expect(error).toBeInstanceOf(DirectoryUnavailable);
            return 'unavailable';
          },
        );
      expect(await login()).toBe(expected);
      asked.forget();
      await login();
      expect(asked.operations.filter((one) => one.operation === 'connect')).toHaveLength(code === 49 ? 0 : 1);
    },
  );
});
