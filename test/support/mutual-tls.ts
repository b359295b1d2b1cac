/** A world with a second replica that asks clients for certificates, and clients that present them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { type RunningServer, start } from '../../server/src/app.ts';
import { makeAuthority, type ServingCertificate } from './certificates.ts';
import type { ClientCertificate } from './client-certificates.ts';
import { MountedSecret } from './mounted-secret.ts';
import { keyEncryptionKey, type TokenAnswer, World, type WorldOptions } from './world.ts';

/** As the metadata names the listener. */
export const mutualTlsUrl = 'https://mtls.example.com';

export interface MutualAnswer extends Omit<TokenAnswer, 'headers'> {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface Sent {
  readonly certificate?: Pick<ClientCertificate, 'cert' | 'key'> | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

export class MutualTlsWorld {
  readonly world: World;
  readonly replica: RunningServer;
  readonly serving: MountedSecret;
  readonly #folder: string;
  #authorities: string;
  readonly #agents = new Map<string, Agent>();

  private constructor(world: World, replica: RunningServer, serving: MountedSecret, folder: string, ca: string) {
    this.world = world;
    this.replica = replica;
    this.serving = serving;
    this.#folder = folder;
    this.#authorities = ca;
  }

  static async open(options: WorldOptions): Promise<MutualTlsWorld> {
    const world = await World.open(options);
    const folder = mkdtempSync(join(tmpdir(), 'nauthera-mtls-'));
    const authority = await makeAuthority();
    const serving = new MountedSecret(join(folder, 'mounted'), filesOf(await authority.issue()));
    const replica = await start({
      database: world.database,
      listen: { host: '127.0.0.1', port: 0 },
      management: { host: '127.0.0.1', port: 0 },
      tls: { folder: serving.folder, interval: 20 },
      mutualTlsListen: { host: '127.0.0.1', port: 0 },
      keyEncryptionKeys: [keyEncryptionKey],
      pressure: { maxDelay: Number.POSITIVE_INFINITY },
      ...options.options,
      seams: {
        directory: world.memory,
        ...(options.counting === true ? world.counters.seams(world.memory) : {}),
        ...options.options?.seams,
      },
    });
    await replica.ready();
    return new MutualTlsWorld(world, replica, serving, folder, authority.pem);
  }

  /** Another certificate is shown from now on, of another authority. */
  async renewServing(): Promise<void> {
    const authority = await makeAuthority('Next CA');
    this.#authorities += authority.pem;
    this.serving.write(filesOf(await authority.issue()));
  }

  get authorities(): string {
    return this.#authorities;
  }

  /** Where the listener really is. */
  get url(): string {
    return this.replica.mutualTlsUrl ?? '';
  }

  /** Connections are kept, one agent for each certificate. */
  agent(certificate: Sent['certificate']): Agent {
    const name = `${this.#authorities.length} ${certificate?.cert ?? 'none'}`;
    let agent = this.#agents.get(name);
    if (agent === undefined) {
      const { cert, key } = certificate ?? {};
      agent = new Agent({
        connect: { ca: this.#authorities, ...(cert === undefined || key === undefined ? {} : { cert, key }) },
      });
      this.#agents.set(name, agent);
    }
    return agent;
  }

  async post(path: string, fields: Readonly<Record<string, string>>, sent: Sent = {}): Promise<MutualAnswer> {
    return this.send(path, sent, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(fields).toString(),
    });
  }

  token(fields: Readonly<Record<string, string>>, certificate?: Sent['certificate']): Promise<MutualAnswer> {
    return this.post('/token', fields, { certificate });
  }

  userinfo(token: string | undefined, certificate?: Sent['certificate']): Promise<MutualAnswer> {
    return this.send('/userinfo', { certificate, headers: { authorization: `Bearer ${token ?? ''}` } }, {});
  }

  /** From an address of this machine, as a proxy on it would that ended the client's TLS. */
  tokenFrom(localAddress: string, fields: Fields, headers: ManyHeaders): Promise<Answered> {
    return postFrom(localAddress, `${this.url}/token`, fields, headers, this.#authorities);
  }

  async send(
    path: string,
    { certificate, headers }: Sent,
    init: { method?: 'GET' | 'POST'; headers?: Readonly<Record<string, string>>; body?: string },
  ): Promise<MutualAnswer> {
    const answer = await request(`${this.url}${path}`, {
      ...init,
      headers: { 'x-forwarded-for': '203.0.113.7', ...init.headers, ...headers },
      dispatcher: this.agent(certificate),
    });
    const text = await answer.body.text();
    return { status: answer.statusCode, headers: answer.headers, body: bodyOf(text) };
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.destroy()));
    await this.replica.stop();
    await this.world.stop();
    rmSync(this.#folder, { recursive: true });
  }
}

function filesOf({ certificatePem, privateKeyPem }: ServingCertificate): Record<string, string> {
  return { 'tls.crt': certificatePem, 'tls.key': privateKeyPem };
}

function bodyOf(text: string): TokenAnswer['body'] {
  try {
    return JSON.parse(text) as TokenAnswer['body'];
  } catch {
    return {};
  }
}

type Fields = Readonly<Record<string, string>>;
export type ManyHeaders = Readonly<Record<string, string | readonly string[]>>;
type Answered = Pick<TokenAnswer, 'status' | 'body'>;

/** `POST` from an address of this machine, as a proxy on it would. @param ca for https */
export function postFrom(
  localAddress: string,
  url: string,
  fields: Fields,
  headers: ManyHeaders,
  ca?: string,
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const body = new URLSearchParams(fields).toString();
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    const options = {
      method: 'POST',
      localAddress,
      headers: { ...type, ...headers },
      ...(ca === undefined ? {} : { ca }),
    };
    const request = url.startsWith('https:') ? requestTls : requestPlain;
    const sending = request(url, options, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => {
        text += chunk;
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: bodyOf(text) }));
    });
    sending.once('error', reject);
    sending.end(body);
  });
}
