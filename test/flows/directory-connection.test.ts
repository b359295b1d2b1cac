import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DirectoryUnavailable } from '../../server/src/directory/directory.ts';
import { type Connection, ConnectionLost, openConnection } from '../../server/src/directory/ldap/connection.ts';
import { parseFilter } from '../../server/src/directory/ldap/filter.ts';
import { connectTls, type ServerTarget, targetsOf } from '../../server/src/directory/ldap/target.ts';
import { never, openDirectories, registrationOf } from '../support/directories.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { seedDn, seedSuffix } from '../support/slapd-seed.ts';

/** What the LDAP library does that we must not, and what a connection of ours does instead. */
let slapd: Slapd;

beforeAll(async () => {
  slapd = await startSlapd();
});
afterAll(() => slapd?.close());
beforeEach(() => slapd.clearLog());

/** Long: on a busy machine no time limit decides a test, unless the test is about it. */
const limits = { milliseconds: 20_000, signal: never };

function target(): ServerTarget {
  const [first] = targetsOf([slapd.url], slapd.caPem);
  if (first === undefined) throw new Error('no target');
  return first;
}

async function open(): Promise<Connection> {
  return openConnection(await connectTls(target(), 'search', never));
}

async function openBound(): Promise<Connection> {
  const connection = await open();
  expect(await connection.bind(slapd.bindDn, slapd.bindPassword, limits)).toMatchObject({ code: 0 });
  return connection;
}

const search = (connection: Connection, filter = '(uid=ada)', more = {}, milliseconds = limits.milliseconds) =>
  connection.search(
    {
      base: seedSuffix,
      scope: 'sub',
      filter: parseFilter(filter),
      attributes: ['uid', 'mail', 'title'],
      sizeLimit: 10,
      ...more,
    },
    { ...limits, milliseconds },
  );

describe('ldapts 9.2.0, line by line', () => {
  it('A41: a connection binds with nothing less than a name and a password', async () => {
    const connection = await open();
    await expect(connection.bind(seedDn('ada'), '', limits)).rejects.toThrow(TypeError);
    await expect(connection.bind('', 'x', limits)).rejects.toThrow(TypeError);
    connection.destroy();
    expect((await slapd.operations()).binds).toEqual([]);
  });

  it('a lost connection is not opened again: it is lost, and says so', async () => {
    const connection = await openBound();
    expect((await search(connection)).entries).toHaveLength(1);
    await slapd.stop();
    await expect.poll(() => connection.open).toBe(false);
    await slapd.start();
    await slapd.clearLog();
    await expect(search(connection)).rejects.toThrow(ConnectionLost);
    expect(await slapd.operations()).toMatchObject({ binds: [], searches: [] });
  });

  it('a search on a connection that never bound is a mistake, not an empty answer', async () => {
    const connection = await open();
    await expect(search(connection)).rejects.toThrow(TypeError);
    expect(await connection.bind(seedDn('ada'), 'wrong', limits)).toMatchObject({ code: 49 });
    await expect(search(connection)).rejects.toThrow(TypeError);
    connection.destroy();
  });

  it('one operation at a time: a second one at once is a mistake and leaves the first alone', async () => {
    const connection = await openBound();
    const first = search(connection);
    await expect(search(connection)).rejects.toThrow(TypeError);
    expect((await first).entries).toHaveLength(1);
    connection.destroy();
  });

  it('a time-out ends its own connection and no other', async () => {
    const [slow, other] = [await openBound(), await openBound()];
    await slapd.pause();
    try {
      await expect(search(slow, undefined, {}, 1000)).rejects.toMatchObject({ reason: 'timeout' });
    } finally {
      slapd.resume();
    }
    expect(slow.open).toBe(false);
    expect((await search(other)).entries).toHaveLength(1);
    other.destroy();
  });

  it('a bind is a simple bind, whatever the name: EXTERNAL is no name', async () => {
    const connection = await open();
    expect(await connection.bind('EXTERNAL', 'x', limits)).toMatchObject({ code: 34 });
    connection.destroy();
    await using asked = openDirectories({ people: registrationOf(slapd, { bind_dn: 'EXTERNAL' }) });
    await expect(asked.user('ada')).rejects.toThrow(DirectoryUnavailable);
    expect(slapd.log()).not.toMatch(/method=163/);
  });

  it('a size limit that was reached shows in the result code', async () => {
    const connection = await openBound();
    expect(await search(connection, '(objectClass=inetOrgPerson)', { sizeLimit: 1 })).toMatchObject({ code: 4 });
    connection.destroy();
  });

  it('a size limit of the server below ours is no complete answer', async () => {
    await using small = await startSlapd({ settings: ['sizelimit 1'] });
    await using asked = openDirectories({ people: registrationOf(small) });
    // Ada is in three groups; the server shows one of them.
    await expect(asked.user('ada')).rejects.toThrow(/result code 4/);
  });

  it('absent, one, several: always a list of values', async () => {
    await slapd.modify(`dn: ${seedDn('alan')}\nchangetype: modify\nadd: mail\nmail: turing@example.org\n`);
    const connection = await openBound();
    const { entries } = await search(connection, '(uid=alan)');
    const values = Object.fromEntries(
      entries[0]?.attributes.map(({ type, values: all }) => [type, all.map(String)]) ?? [],
    );
    expect(values).toEqual({ uid: ['alan'], mail: ['alan@example.org', 'turing@example.org'] });
    connection.destroy();
  });

  it('an answer that is longer than one operation may bring ends the connection', async () => {
    await slapd.modify(
      `dn: ${seedDn('zoe')}\nchangetype: modify\nadd: description\ndescription: ${'x'.repeat(4_500_000)}\n`,
    );
    const connection = await openBound();
    await expect(search(connection, '(uid=zoe)', { attributes: ['description'] })).rejects.toMatchObject({
      reason: 'oversized',
    });
    expect((await search(await openBound())).entries).toHaveLength(1);
    await slapd.modify(`dn: ${seedDn('zoe')}\nchangetype: modify\nreplace: description\n`);
  });

  it('TLS below 1.2 is not spoken', async () => {
    const { certificatePem, privateKeyPem } = await slapd.authority.issue();
    const old = createServer({
      cert: certificatePem,
      key: privateKeyPem,
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    let agreed = 0;
    old.on('secureConnection', () => {
      agreed += 1;
    });
    await new Promise<void>((resolve) => old.listen(0, '127.0.0.1', resolve));
    const { port } = old.address() as AddressInfo;
    await expect(connectTls({ ...target(), port }, 'search', never)).rejects.toThrow(/version|closed|protocol/i);
    expect(agreed).toBe(0);
    await new Promise((resolve) => old.close(resolve));
  });
});
