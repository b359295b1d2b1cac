/** A little DNS server (RFC 1035) that knows the SRV records a test gives it, and fails as a test says. */
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import type { ResolveSrv, SrvRecord } from '../../server/src/directory/ldap/srv.ts';

export interface DnsServer extends AsyncDisposable {
  /** Asks this server and no other. */
  readonly resolveSrv: ResolveSrv;
  /** Names that were asked for, in order. */
  readonly asked: readonly string[];
  /** Replaces everything; names not among them do not exist. */
  set(records: Readonly<Record<string, readonly SrvRecord[]>>): void;
  /** `servfail`: it says that it cannot say; `silent`: it says nothing. */
  fail(how: 'servfail' | 'silent' | 'no'): void;
}

const srvType = 33;
const codes = { ok: 0, servfail: 2, nxdomain: 3 };

export async function startDns(): Promise<DnsServer> {
  const socket = createSocket('udp4');
  const asked: string[] = [];
  let zone: Readonly<Record<string, readonly SrvRecord[]>> = {};
  let failing: Parameters<DnsServer['fail']>[0] = 'no';
  socket.on('message', (message, { port, address }) => {
    const { name, end } = readName(message, 12);
    asked.push(name);
    if (failing === 'silent') return;
    const records = zone[name];
    const question = message.subarray(12, end + 4);
    const isSrv = message.readUInt16BE(end) === srvType;
    const found = failing === 'no' && isSrv ? (records ?? []) : [];
    const known = records === undefined ? codes.nxdomain : codes.ok;
    const header = Buffer.alloc(12);
    header.writeUInt16BE(message.readUInt16BE(0), 0);
    // A response, with recursion asked for and available.
    header.writeUInt16BE(0x8180 | (failing === 'servfail' ? codes.servfail : known), 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(found.length, 6);
    socket.send(Buffer.concat([header, question, ...found.map(answerOf)]), port, address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  return {
    asked,
    resolveSrv(name) {
      const resolver = new Resolver({ timeout: failing === 'silent' ? 300 : 20_000, tries: 2 });
      resolver.setServers([`127.0.0.1:${port}`]);
      return resolver.resolveSrv(name);
    },
    set(records) {
      zone = records;
    },
    fail(how) {
      failing = how;
    },
    [Symbol.asyncDispose]: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

function readName(message: Buffer, start: number): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = start;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}

function answerOf({ priority, weight, port, name }: SrvRecord): Buffer {
  const labels = name.split('.').filter((label) => label !== '');
  const target = Buffer.concat([
    ...labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')])),
    Buffer.from([0]),
  ]);
  const head = Buffer.alloc(18);
  // The name of the question, by a pointer (RFC 1035 §4.1.4).
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(srvType, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(1, 6);
  head.writeUInt16BE(6 + target.length, 10);
  head.writeUInt16BE(priority, 12);
  head.writeUInt16BE(weight, 14);
  head.writeUInt16BE(port, 16);
  return Buffer.concat([head, target]);
}
