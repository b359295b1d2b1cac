/** `POST /introspect` by the client that the token was issued to: tokens seen before, and tokens seen for the first time. */
import { among, type Bench } from './bench.ts';
import { type Request, random, requestRow } from './load.ts';
import type { Extent } from './measure.ts';
import { peer } from './peer.ts';
import { basic, clientIdOf, declare, type Running, serve } from './stage.ts';

interface Issued {
  readonly client: string;
  readonly token: string;
}

const form = 'application/x-www-form-urlencoded';

async function issue(server: Running, client: string): Promise<Issued> {
  const response = await fetch(`${server.url}/token`, {
    method: 'POST',
    headers: { authorization: basic(client), 'content-type': form },
    body: 'grant_type=client_credentials',
  });
  const { access_token: token } = (await response.json()) as { access_token?: string };
  if (token === undefined) throw new Error(`no token: ${response.status}`);
  return { client, token };
}

async function issueMany(server: Running, clients: number, count: number): Promise<Issued[]> {
  const issued: Issued[] = [];
  for (let from = 0; from < count; from += 64) {
    const batch = Array.from({ length: Math.min(64, count - from) }, () => issue(server, clientIdOf(random(clients))));
    issued.push(...(await Promise.all(batch)));
  }
  return issued;
}

const ask = (path: string, { client, token }: Issued): Request => ({
  method: 'POST',
  path,
  headers: { authorization: basic(client), 'content-type': form },
  body: new URLSearchParams({ token }).toString(),
});

const isActive = (body: string): boolean => body.includes('"active":true');

export const introspection: Bench = {
  name: 'introspection',
  about: 'one token asked about by its own client',
  async prepare(stage, options) {
    const clients = options.quick ? 20 : 1000;
    const few = options.quick ? 20 : 500;
    const long = {
      lifetimes: {
        authorization_code: 60,
        access_token: 3600,
        id_token: 300,
        refresh_token_idle: 3600,
        refresh_token_absolute: 3600,
        session_idle: 3600,
        session_absolute: 3600,
      },
    };
    const jwt = await serve(stage, await declare(stage, { clients, server: long }));
    const opaque = await serve(
      stage,
      await declare(stage, { clients, client: { access_token_format: 'opaque' }, server: long }),
    );

    const seen = async (name: string, role: 'ours' | 'peer', server: Running, path: string) => {
      const tokens = await issueMany(server, clients, few);
      const next = () => ask(path, tokens[random(few)] ?? { client: '', token: '' });
      return requestRow({ name, role, server, next, onAnswer: isActive });
    };
    // Fresh tokens for each load, as many as it can ask about; what is left over is not asked twice.
    const fresh = (name: string, server: Running) => {
      let tokens: Issued[] = [];
      return requestRow({
        name,
        role: 'ours',
        server,
        prepare: async (extent: Extent) => {
          tokens = await issueMany(
            server,
            clients,
            'operations' in extent ? extent.operations + 64 : extent.seconds * 9000,
          );
        },
        next: () => ask('/introspect', tokens.pop() ?? { client: clientIdOf(0), token: 'none-left' }),
        onAnswer: isActive,
      });
    };
    const rows = [
      await seen('JWT, seen', 'ours', jwt, '/introspect'),
      await seen('opaque, seen', 'ours', opaque, '/introspect'),
      fresh('JWT, first sight', jwt),
      fresh('opaque, first sight', opaque),
      ...(options.peer
        ? [await seen('peer, opaque', 'peer', await peer(stage, { clients, format: 'opaque' }), '/token/introspection')]
        : []),
    ];
    return {
      rows,
      targets: among(rows, [
        { row: 'JWT, seen', of: 'peer, opaque', atLeast: 3, gate: 2 },
        { row: 'opaque, seen', of: 'peer, opaque', atLeast: 3, gate: 2 },
        { row: 'opaque, first sight', of: 'peer, opaque', atLeast: 2, gate: 1.5 },
        { row: 'JWT, first sight', of: 'peer, opaque', atLeast: 1.2, gate: 1 },
      ]),
    };
  },
};
