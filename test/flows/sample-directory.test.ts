import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { type SampleDirectory, startSampleDirectory } from '@nauthera/examples/directory';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Slapd, startSlapd } from '../support/slapd.ts';

/**
 * The sample directory stands in for a real one in the demo and in tests: OpenLDAP's own client puts the same requests to
 * it and to slapd, both with the same entries, and both must answer alike.
 */
const suffix = 'dc=tideclock,dc=example';
const people = `ou=people,${suffix}`;
const ada = `uid=ada,${people}`;
const staff = `cn=staff,ou=groups,${suffix}`;
const service = { dn: `cn=nauthera,ou=services,${suffix}`, password: 'reads-people-and-groups' };
const ldif = readFileSync(join(import.meta.dirname, '../../examples/directory.ldif'), 'utf8').replace(
  'userPassword: replaced at start',
  `userPassword: ${service.password}`,
);

interface Target {
  readonly url: string;
  readonly caFile: string;
  /** `entryUUID` of ada: each server makes its own. */
  uuid: string;
}

interface Asked {
  /** Default: the service account. `null`: anonymous. */
  readonly as?: { readonly dn: string; readonly password: string } | null;
  /** Default: the suffix. */
  readonly base?: string;
  readonly scope?: 'base' | 'one' | 'sub' | 'children';
  /** `{uuid}` stands for ada's id. Default: everything. */
  readonly filter?: string;
  readonly limit?: number;
  readonly typesOnly?: boolean;
  /** Default: none (`1.1`). */
  readonly attributes?: readonly string[];
  /** What must come back, so that two equal mistakes do not pass. Default: code 0. */
  readonly code?: number;
  /** The RDN values of the entries that come back, or their number. */
  readonly finds?: readonly string[] | number;
}

interface Answer {
  readonly code: number;
  readonly matched: string | undefined;
  readonly entries: readonly string[];
}

const everybody = ['ada', 'alan', 'grace', 'zoe'];
const orgPerson = '(objectClass=inetOrgPerson)';

const requests: Readonly<Record<string, Asked>> = {
  equality: { filter: '(uid=ada)', finds: ['ada'] },
  'equality without regard to case': { filter: '(UID=ADA)', finds: ['ada'] },
  'equality without regard to extra spaces': { filter: '(cn=  ada   lovelace )', finds: ['ada'] },
  'equality by an alias of the attribute': { filter: '(commonName=Ada Lovelace)', finds: ['ada'] },
  'equality beyond ASCII': { filter: '(cn=ZOË MÜLLER)', finds: ['zoe'] },
  'equality that nobody meets': { filter: '(uid=nobody)', finds: [] },
  presence: { filter: '(jpegPhoto=*)', finds: ['ada'] },
  and: { filter: `(&${orgPerson}(employeeNumber=1912))`, finds: ['alan'] },
  or: { filter: '(|(uid=ada)(uid=zoe)(uid=nobody))', finds: ['ada', 'zoe'] },
  not: { filter: `(&${orgPerson}(!(uid=ada)))`, finds: ['alan', 'grace', 'zoe'] },
  'not present': { filter: `(&${orgPerson}(!(manager=*)))`, finds: ['grace', 'zoe'] },
  nested: { filter: `(&${orgPerson}(|(&(uid=a*)(!(title=Apprentice)))(sn=hopper)))`, finds: ['ada', 'grace'] },
  'the empty and is true': { filter: '(&)', finds: 12 },
  'the empty or is false': { filter: '(|)', finds: [] },
  'substrings: beginning': { filter: '(cn=a*)', finds: ['ada', 'alan'] },
  'substrings: middle': { filter: '(&(mail=*TideClock*)(title=*of the*))', finds: ['grace'] },
  'substrings: end': { filter: '(uid=*an)', finds: ['alan'] },
  'substrings: all of them in order': { filter: '(cn=a*l*l*e)', finds: ['ada'] },
  'substrings: an end that overlaps the beginning': { filter: '(uid=ada*ada)', finds: [] },
  'substrings of a telephone number': { filter: '(telephoneNumber=*5550 18*)', finds: ['ada'] },
  'an escaped star is a letter': { filter: String.raw`(uid=\2a)`, finds: [] },
  'escaped parentheses are letters': { filter: String.raw`(description=*\28and*\29)`, finds: ['alan'] },
  'a DN in another spelling': {
    filter: `(member= UID=Ada , OU=People,${suffix.toUpperCase()})`,
    finds: ['engineering', 'finance', 'staff'],
  },
  membership: { filter: `(memberOf=${staff})`, finds: ['ada', 'alan', 'grace'] },
  'no membership': { filter: `(&${orgPerson}(!(memberOf=${staff})))`, finds: ['zoe'] },
  'a DN has no substrings': { filter: '(member=*ada*)', finds: [] },
  'what is no DN equals no DN': { filter: '(member=ada)', finds: [] },
  'a name has no order': { filter: '(cn>=a)', finds: [] },
  'at least, of a time': { filter: `(&${orgPerson}(createTimestamp>=20200101000000Z))`, finds: everybody },
  'at most, of a time': { filter: '(createTimestamp<=20200101000000Z)', finds: [] },
  'an unknown attribute is Undefined': { filter: '(shoeSize=9)', finds: [] },
  'and so is its negation': { filter: '(!(shoeSize=9))', finds: [] },
  'Undefined beside True in an or': { filter: '(|(shoeSize=9)(uid=ada))', finds: ['ada'] },
  'a matching rule by name': { filter: '(uid:caseExactMatch:=ada)', finds: ['ada'] },
  'a matching rule that is exact': { filter: '(uid:caseExactMatch:=ADA)', finds: [] },
  'an approximate match': { filter: '(uid~=ada)', finds: ['ada'] },
  'passwords answer no filter': { filter: '(userPassword=*)', finds: [] },
  'nor a negated one': { filter: '(!(userPassword=ada-loves-engines))', finds: [] },
  'an immutable id': { filter: '(entryUUID={uuid})', finds: ['ada'] },
  'an immutable id that is none': { filter: '(entryUUID=ada)', finds: [] },

  'scope base': { base: people, scope: 'base', finds: ['people'] },
  'scope base, whose entry the filter refuses': { base: people, scope: 'base', filter: '(uid=ada)', finds: [] },
  'scope one': { base: suffix, scope: 'one', finds: ['groups', 'people', 'services'] },
  'scope sub': { base: people, scope: 'sub', finds: ['ada', 'alan', 'grace', 'people', 'zoe'] },
  'scope children': { base: people, scope: 'children', finds: everybody },
  'a base in another spelling': { base: `OU=People, ${suffix}`, scope: 'one', finds: everybody },
  'an unknown base names the nearest entry': { base: `ou=robots,${people}`, code: 32 },
  'an unknown base elsewhere': { base: 'dc=elsewhere,dc=example', code: 32 },
  'a base that is no DN': { base: 'people', code: 34 },
  'no base at all': { base: '', scope: 'sub', code: 32 },

  'size limit reached': { filter: orgPerson, limit: 2, code: 4, finds: 2 },
  'size limit just enough': { filter: orgPerson, limit: 4, finds: everybody },
  'size limit of one, one found': { filter: '(uid=ada)', limit: 1, finds: ['ada'] },

  'attributes: all of the user': { filter: '(uid=ada)', attributes: [], finds: ['ada'] },
  'attributes: by name, in any case, unknown ones left out': {
    filter: '(uid=ada)',
    attributes: ['CN', 'mail', 'shoeSize'],
  },
  'attributes: all, and an operational one': { filter: '(uid=ada)', attributes: ['*', 'memberOf'] },
  'attributes: absent from the entry': { filter: '(uid=zoe)', attributes: ['memberOf', 'manager'] },
  'attributes: several values': { filter: '(cn=staff)', attributes: ['member', 'objectClass'] },
  'attributes: binary': { filter: '(uid=ada)', attributes: ['jpegPhoto'] },
  'attributes: never a password': { filter: '(uid=ada)', attributes: ['uid', 'userPassword'] },
  'attributes: names only': { filter: '(uid=ada)', attributes: ['cn', 'member', 'mail'], typesOnly: true },

  'bind: right password': { as: { dn: ada, password: 'ada-loves-engines' }, filter: '(uid=ada)', finds: ['ada'] },
  'bind: a name in another spelling': {
    as: { dn: `UID=Ada, ${people}`, password: 'ada-loves-engines' },
    filter: '(uid=ada)',
  },
  'bind: wrong password': { as: { dn: ada, password: 'Ada-loves-engines' }, code: 49 },
  'bind: unknown name': { as: { dn: `uid=nobody,${people}`, password: 'ada-loves-engines' }, code: 49 },
  'bind: unknown name elsewhere': { as: { dn: 'uid=nobody,dc=elsewhere', password: 'x' }, code: 49 },
  'bind: an entry without a password': { as: { dn: people, password: 'x' }, code: 49 },
  'bind: a name without a password': { as: { dn: ada, password: '' }, code: 53 },
  'bind: what is no name': { as: { dn: 'ada', password: 'ada-loves-engines' }, code: 34 },
  'strangers: no entry exists': { as: null, code: 32 },
  'strangers: the root DSE': {
    as: null,
    base: '',
    scope: 'base',
    attributes: ['namingContexts', 'supportedLDAPVersion'],
  },
};

const folder = await mkdtemp(join(tmpdir(), 'nauthera-sample-'));
let sample: SampleDirectory;
let slapd: Slapd;
const targets: Target[] = [];

beforeAll(async () => {
  sample = await startSampleDirectory({ ldif });
  slapd = await startSlapd({ suffix, ldif });
  for (const [name, server] of Object.entries({ sample, slapd })) {
    const caFile = join(folder, `${name}.pem`);
    await writeFile(caFile, server.caPem);
    // libldap takes "localhost" for the machine's own name, which no certificate here has.
    targets.push({ url: `ldaps://127.0.0.1:${server.port}`, caFile, uuid: '' });
  }
  for (const target of targets) {
    const { entries } = await ask(target, { filter: '(uid=ada)', attributes: ['entryUUID'] });
    target.uuid = /entryUUID: (\S+)/.exec(entries[0] ?? '')?.[1] ?? '';
  }
});

afterAll(async () => {
  await sample?.stop();
  await slapd?.close();
  await rm(folder, { recursive: true, force: true });
});

function ask(target: Target, asked: Asked): Promise<Answer> {
  const who = asked.as === undefined ? service : asked.as;
  const bind = who === null ? [] : ['-D', who.dn, '-w', who.password];
  const attributes = asked.attributes ?? ['1.1'];
  const where = ['-H', target.url, '-b', asked.base ?? suffix, '-s', asked.scope ?? 'sub'];
  const how = ['-x', '-LLL', '-o', 'ldif_wrap=no', '-z', String(asked.limit ?? 0), ...(asked.typesOnly ? ['-A'] : [])];
  const filter = (asked.filter ?? '(objectClass=*)').replace('{uuid}', target.uuid);
  const args = [...how, ...where, ...bind, filter, ...attributes];
  const env = { PATH: process.env.PATH, LDAPTLS_CACERT: target.caFile, LDAPTLS_REQCERT: 'demand' };
  return new Promise((resolve, reject) => {
    execFile('ldapsearch', args, { env, timeout: 60_000 }, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== 'number') return reject(error);
      resolve({
        code: typeof error?.code === 'number' ? error.code : 0,
        matched: /^Matched DN: (.*)$/m.exec(stderr)?.[1],
        entries: stdout
          .split(/\n\n+/)
          .filter((entry) => entry.trim() !== '')
          .map((entry) => entry.trim().split('\n').sort().join('\n'))
          .sort(),
      });
    });
  });
}

function rdnValues(answer: Answer): readonly string[] {
  return answer.entries.map((entry) => /^dn: [^=]+=([^,]+)/m.exec(entry)?.[1] ?? '').sort();
}

describe('the sample directory answers as slapd does', () => {
  it.each(Object.entries(requests))('%s', async (_title, asked) => {
    const [ours, theirs] = await Promise.all(targets.map((target) => ask(target, asked)));
    if (ours === undefined || theirs === undefined) throw new Error('two answers are needed');
    expect(ours.code).toBe(asked.code ?? 0);
    if (asked.finds !== undefined) {
      expect(typeof asked.finds === 'number' ? ours.entries.length : rdnValues(ours)).toEqual(asked.finds);
    }
    // Which entries come before the limit is each server's own affair.
    if (asked.code === 4) expect([theirs.code, theirs.entries.length]).toEqual([ours.code, ours.entries.length]);
    else expect(ours).toEqual(theirs);
  });
});

describe('the sample directory alone', () => {
  const locked = { as: { dn: `uid=zoe,${people}`, password: 'zoe-waits-for-light' }, filter: '(uid=zoe)' };

  it('keeps the id of an entry over a new start', async () => {
    const again = await startSampleDirectory({ ldif });
    expect(again.getAttribute(ada, 'entryUUID')).toEqual(sample.getAttribute(ada, 'entryUUID'));
    await again.stop();
  });

  it('refuses a locked account its right password, and takes it again afterwards', async () => {
    const [target] = targets;
    if (target === undefined) throw new Error('no target');
    sample.setAttribute(locked.as.dn, 'pwdAccountLockedTime', ['20260101000000Z']);
    expect((await ask(target, locked)).code).toBe(49);
    const shown = await ask(target, { filter: locked.filter, attributes: ['*', '+'] });
    expect(shown.entries.join('\n')).toContain('pwdAccountLockedTime: 20260101000000Z');
    sample.setAttribute(locked.as.dn, 'pwdAccountLockedTime', []);
    expect((await ask(target, locked)).code).toBe(0);
  });

  it('derives memberOf from the groups as they are now', async () => {
    const [target] = targets;
    if (target === undefined) throw new Error('no target');
    const before = sample.getAttribute(staff, 'member');
    sample.setAttribute(staff, 'member', [...before, locked.as.dn]);
    expect(rdnValues(await ask(target, { filter: `(memberOf=${staff})` }))).toContain('zoe');
    sample.setAttribute(staff, 'member', before);
    expect(rdnValues(await ask(target, { filter: `(memberOf=${staff})` }))).not.toContain('zoe');
  });

  it('is gone while stopped, and the same on the same port afterwards', async () => {
    const [target] = targets;
    if (target === undefined) throw new Error('no target');
    await sample.stop();
    expect((await ask(target, {})).code).toBe(255);
    await sample.restart();
    expect((await ask(target, { filter: '(uid=ada)' })).entries).toHaveLength(1);
  });
});

/** Bytes → what the peer sees: everything that came back until the end of the connection, as hex. */
function send(bytes: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: sample.port, ca: sample.caPem });
    const received: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => received.push(chunk));
    socket.once('error', reject);
    socket.once('close', () => resolve(Buffer.concat(received).toString('hex')));
    socket.once('secureConnect', () => socket.write(bytes));
  });
}

function tlv(tag: number, content: Buffer): Buffer {
  const length = content.length < 128 ? [content.length] : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

function searchWith(filter: Buffer, attributes = Buffer.alloc(0)): Buffer {
  const head = Buffer.from('04000a01020a01000201000201000101ff', 'hex');
  const operation = tlv(0x63, Buffer.concat([head, filter, tlv(0x30, attributes)]));
  return tlv(0x30, Buffer.concat([Buffer.from('020101', 'hex'), operation]));
}

function nested(levels: number): Buffer {
  let filter = tlv(0x87, Buffer.from('uid'));
  for (let level = 0; level < levels; level += 1) filter = tlv(0xa2, filter);
  return filter;
}

describe('bytes that are no LDAP end their own connection and nothing else', () => {
  const whole = searchWith(nested(1));
  const hostile: Readonly<Record<string, Buffer>> = {
    'no sequence': Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    'an empty message': Buffer.from('3000', 'hex'),
    'a length of 2 GiB': Buffer.from('30847fffffff', 'hex'),
    'a negative length': Buffer.from('3084ffffffff', 'hex'),
    'an indefinite length': Buffer.from('3080', 'hex'),
    'a length of five octets': Buffer.from('30850000000001', 'hex'),
    'an inner length beyond the message': Buffer.from('3007020101630a0400', 'hex'),
    'an inner negative length': Buffer.from('300a0201016384ffffffff00', 'hex'),
    // An attribute that ends where it begins: a reader that believes it reads it for ever.
    'a length that goes back to its own beginning': searchWith(
      tlv(0x87, Buffer.from('uid')),
      Buffer.from('0484fffffffa', 'hex'),
    ),
    'a message id without octets': Buffer.from('300402004200', 'hex'),
    'a negative message id': Buffer.from('30050201ff4200', 'hex'),
    'an unknown operation': Buffer.from('30050201017900', 'hex'),
    'a filter nested 5000 deep': searchWith(nested(5000)),
    'a filter nested just too deep': searchWith(nested(33)),
    'an unknown filter': searchWith(Buffer.from('8b00', 'hex')),
    'an unknown scope': Buffer.from(whole.toString('hex').replace('0a0102', '0a0109'), 'hex'),
  };

  it.each(Object.entries(hostile))('%s', async (_title, bytes) => {
    const seen = await send(bytes);
    // Notice of Disconnection, protocolError (RFC 4511 §4.4.1)
    expect(seen).toContain(Buffer.from('1.3.6.1.4.1.1466.20036').toString('hex'));
    expect(sample.running).toBe(true);
    expect((await ask(targets[0] as Target, { filter: '(uid=ada)' })).entries).toHaveLength(1);
  });

  it('a message that never ends is cut off at 64 KiB', async () => {
    const seen = await send(Buffer.concat([Buffer.from('308300ffff', 'hex'), Buffer.alloc(70_000)]));
    expect(seen).not.toBe('');
  });

  it('a message cut anywhere is waited for, and harms nobody', async () => {
    for (let cut = 1; cut < whole.length; cut += 1) {
      const socket = connect({ host: '127.0.0.1', port: sample.port, ca: sample.caPem });
      await new Promise<void>((resolve) => socket.once('secureConnect', resolve));
      await new Promise<void>((resolve) => socket.write(whole.subarray(0, cut), () => resolve()));
      socket.destroy();
    }
    expect((await ask(targets[0] as Target, { filter: '(uid=ada)' })).entries).toHaveLength(1);
  });
});
