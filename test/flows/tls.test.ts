/** The public endpoints over TLS of their own: what is agreed, what is bounded, and a certificate that changes under load. */
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { connect as connectTcp, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { logTo } from '../support/captured-log.ts';
import { makeAuthority, type ServingCertificate, type TestAuthority } from '../support/certificates.ts';
import { MountedSecret } from '../support/mounted-secret.ts';
import { Product } from '../support/product.ts';
import { World } from '../support/world.ts';

const files = ({ certificatePem, privateKeyPem }: ServingCertificate) => ({
  'tls.crt': certificatePem,
  'tls.key': privateKeyPem,
});
const interval = 20;

let folder: string;
let authority: TestAuthority;
let mounted: MountedSecret;
let world: World;
let url: URL;
let managementUrl: string;
const lines: string[] = [];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nauthera-tls-'));
  authority = await makeAuthority();
  mounted = new MountedSecret(join(folder, 'mounted'), files(await authority.issue()));
  const log = logTo(lines, 'info');
  world = await World.open({
    options: { tls: { folder: mounted.folder, interval }, log, limits: { handshakeTimeout: 5000 } },
  });
  url = new URL(world.servers[0]?.url ?? '');
  managementUrl = world.servers[0]?.managementUrl ?? '';
});
afterAll(async () => {
  await world.stop();
  rmSync(folder, { recursive: true });
});

const secured = (more: ConnectionOptions = {}): Promise<TLSSocket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: url.hostname, port: Number(url.port), ca: authority.pem, ...more }, () =>
      resolve(socket),
    );
    socket.once('error', reject);
  });

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  /** The fingerprint of the certificate that its connection was made with. */
  readonly shown: string;
  readonly socket: TLSSocket;
}

/** @param agent `false`: a connection of its own */
const ask = (agent: Agent | false, path = '/jwks'): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const asked = request({ host: url.hostname, port: url.port, path, agent, ca: authority.pem }, (response) => {
      const socket = response.socket as TLSSocket;
      const shown = socket.getPeerX509Certificate()?.fingerprint256 ?? '';
      response.resume().once('error', reject);
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, shown, socket }),
      );
    });
    asked.once('error', reject).end();
  });

const shownNow = async (): Promise<string> => (await ask(false)).shown;
const expiry = async (): Promise<number> => {
  const text = await (await fetch(`${managementUrl}/metrics`)).text();
  return Number(/nauthera_tls_certificate_expiry_timestamp_seconds\{use="serving"\} (\S+)/.exec(text)?.[1]);
};
const warnings = (): readonly string[] =>
  lines.filter((line) => line.includes('"level":"warn"') && line.includes('certificate'));

describe('the public listener', () => {
  it('answers over TLS and says so', async () => {
    expect(url.protocol).toBe('https:');
    const answer = await ask(false, '/authorize');
    expect(answer.status).toBe(400);
    expect(answer.headers['strict-transport-security']).toBe('max-age=31536000');
  });

  it('A59: shows nothing that a client must accept without looking', async () => {
    await expect(secured({ ca: (await makeAuthority('Another')).pem })).rejects.toMatchObject({
      code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    });
  });

  it.each([
    ['TLSv1.2', true],
    ['TLSv1.3', true],
    ['TLSv1.1', false],
    ['TLSv1', false],
  ] as const)('RFC 9325 §3.1.1: %s is agreed: %s', async (version, agreed) => {
    const outcome = await secured({ minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' }).then(
      (socket) => {
        const protocol = socket.getProtocol();
        socket.destroy();
        return protocol;
      },
      () => undefined,
    );
    expect(outcome).toBe(agreed ? version : undefined);
  });

  it('RFC 9325 §3.5: agrees on nothing anew within a connection', async () => {
    const socket = await secured({ maxVersion: 'TLSv1.2' });
    const refused = new Promise((resolve) => socket.once('error', resolve));
    socket.renegotiate({ rejectUnauthorized: true }, () => undefined);
    expect(await refused).toBeInstanceOf(Error);
  });

  it('tells when its certificate expires', async () => {
    const socket = await secured();
    expect(await expiry()).toBe(Date.parse(socket.getPeerCertificate().valid_to) / 1000);
    socket.destroy();
  });
});

describe('handshakes that do not end', () => {
  const ended = async (socket: Socket): Promise<void> => {
    if (!socket.closed) await new Promise((resolve) => socket.resume().once('close', resolve));
  };

  it('are cut in time, and nobody else waits for them', async () => {
    const silent = Array.from({ length: 50 }, () =>
      connectTcp(Number(url.port), url.hostname).on('error', () => undefined),
    );
    const half = connectTcp(Number(url.port), url.hostname, () => half.write(Buffer.from('1603010200010001', 'hex')));
    half.on('error', () => undefined);
    for (let i = 0; i < 5; i += 1) expect((await ask(false)).status).toBe(200);
    await Promise.all([...silent, half].map(ended));
  });

  it.each([
    ['plain HTTP', 'GET /jwks HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['garbage', 'garbage\r\n\r\n'],
  ])('%s is cut without an answer', async (_name, text) => {
    const socket = connectTcp(Number(url.port), url.hostname, () => socket.write(text));
    socket.on('error', () => undefined);
    let received = '';
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1');
    });
    await ended(socket);
    expect(received).not.toContain('HTTP/');
    expect((await ask(false)).status).toBe(200);
  });
});

describe('the certificate changes on disk', () => {
  it('under load: no request fails, open connections stay, new ones see it', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 4, ca: authority.pem });
    const failures: unknown[] = [];
    const kept = new Map<TLSSocket, Set<string>>();
    let asking = true;
    const worker = async (own: Agent | false): Promise<void> => {
      while (asking) {
        try {
          const { status, socket, shown } = await ask(own);
          if (status !== 200) failures.push(status);
          if (own !== false) kept.set(socket, (kept.get(socket) ?? new Set()).add(shown));
        } catch (error) {
          failures.push(error);
        }
      }
    };
    const before = await shownNow();
    const workers = [agent, agent, agent, agent, false, false].map((own) => worker(own as Agent | false));
    await expect.poll(() => kept.size).toBe(4);

    const seen = [before];
    for (let i = 0; i < 5; i += 1) {
      mounted.write(files(await authority.issue({ days: 40 + i })));
      await expect.poll(shownNow, { interval: 20 }).not.toBe(seen.at(-1));
      seen.push(await shownNow());
    }
    asking = false;
    await Promise.all(workers);
    agent.destroy();

    expect(failures).toEqual([]);
    expect(new Set(seen).size).toBe(6);
    // The same four connections all along, each with the certificate it began with.
    expect([...kept.values()].map((shown) => [...shown])).toEqual(Array.from({ length: 4 }, () => [before]));
    expect(await expiry()).toBeGreaterThan(Date.now() / 1000 + 43 * 24 * 3600);
  });

  it('a session that was agreed before does not bring the old certificate back', async () => {
    const first = await secured({ maxVersion: 'TLSv1.2' });
    const session = first.getSession();
    first.destroy();
    const old = await shownNow();
    mounted.write(files(await authority.issue()));
    await expect.poll(shownNow).not.toBe(old);
    const again = await secured({ maxVersion: 'TLSv1.2', ...(session === undefined ? {} : { session }) });
    expect(again.isSessionReused()).toBe(false);
    again.destroy();
  });

  it.each<[string, (good: ServingCertificate) => Promise<Record<string, string>> | Record<string, string>, RegExp]>([
    [
      'another key',
      async (good) => ({ ...files(await authority.issue()), 'tls.crt': good.certificatePem }),
      /tls.key is not the private key/,
    ],
    [
      'half a file',
      (good) => ({ ...files(good), 'tls.crt': good.certificatePem.slice(0, 300) }),
      /tls.crt holds no certificates/,
    ],
    ['an empty file', (good) => ({ ...files(good), 'tls.key': '' }), /tls.key is not the private key/],
    ['a file that is gone', (good) => ({ 'tls.crt': good.certificatePem }), /tls.key cannot be read/],
    ['one that has expired', async () => files(await authority.issue({ days: -1 })), /has expired/],
  ])(
    '%s: the one before stays, one warning without its content, and the next good one is taken',
    async (_name, broken, words) => {
      const before = await shownNow();
      const told = warnings().length;
      const content = await broken(await authority.issue());
      mounted.write(content);
      await expect.poll(() => warnings().length).toBe(told + 1);
      // Several looks later it is still one.
      await new Promise((resolve) => setTimeout(resolve, 10 * interval));
      expect(warnings().length).toBe(told + 1);
      const warning = warnings().at(-1) ?? '';
      expect(warning).toMatch(words);
      expect(warning).not.toContain('-----');
      expect(await shownNow()).toBe(before);
      mounted.write(files(await authority.issue()));
      await expect.poll(shownNow).not.toBe(before);
    },
  );

  it('standalone: two files written one after the other are taken when both are there', async () => {
    const plain = join(folder, 'plain');
    mkdirSync(plain);
    const put = (content: Record<string, string>) => {
      for (const [name, text] of Object.entries(content)) writeFileSync(join(plain, name), text);
    };
    put(files(await authority.issue()));
    const product = await Product.make();
    try {
      await product.start({}, { tlsFolder: plain });
      expect(product.url).toMatch(/^https:/);
      const port = Number(new URL(product.url).port);
      const shown = async () => {
        const socket = await secured({ port });
        const { fingerprint256 } = socket.getPeerCertificate();
        socket.destroy();
        return fingerprint256;
      };
      const before = await shown();
      const next = files(await authority.issue());
      put({ 'tls.crt': next['tls.crt'] });
      const told = () => product.log.filter((line) => line.includes('the one before it is kept')).length;
      await expect.poll(told).toBe(1);
      expect(await shown()).toBe(before);
      put({ 'tls.key': next['tls.key'] });
      await expect.poll(shown).not.toBe(before);
    } finally {
      await product.end();
    }
  });
});

describe('the end', () => {
  it('idle connections and handshakes that hang do not hold it up; a request in flight is answered', async () => {
    const plain = new MountedSecret(join(folder, 'end'), files(await authority.issue()));
    // Nothing but the end itself cuts what hangs.
    const limits = { handshakeTimeout: 600_000 };
    const other = await World.open({ options: { tls: { folder: plain.folder, interval }, limits } });
    const port = Number(new URL(other.servers[0]?.url ?? '').port);
    const idle = await secured({ port });
    const hanging = connectTcp(port, url.hostname).on('error', () => undefined);
    const slow = await secured({ port });
    const body = 'grant_type=client_credentials';
    const told = once(slow, 'data');
    slow.write(
      `POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`,
    );
    // Its connection counts as busy once the head has arrived.
    expect(String((await told)[0])).toMatch(/^HTTP\/1\.1 100 /);
    const closed = Promise.all(
      [idle, hanging].map(
        (socket) =>
          new Promise((resolve) =>
            socket
              .once('close', resolve)
              .resume()
              .on('error', () => undefined),
          ),
      ),
    );
    const stopping = other.servers[0]?.stop();
    await closed;
    let answer = '';
    slow.on('data', (chunk: Buffer) => {
      answer += chunk.toString();
    });
    const over = new Promise((resolve) => slow.once('end', resolve));
    const began = performance.now();
    slow.write(body);
    await Promise.all([stopping, over]);
    expect(answer).toMatch(/^HTTP\/1\.1 401/);
    expect(answer.toLowerCase()).toContain('connection: close');
    // What hangs would have held it up for 20 s.
    expect(performance.now() - began).toBeLessThan(18_000);
    await other.stop();
  });
});
