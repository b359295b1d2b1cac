/** `POST /introspect` by the client that the token was issued to: tokens seen before, and tokens seen for the first time. */
import { among, type Bench } from './bench.ts';
import { type Request, random, requestRow } from './load.ts';
import type { Extent, Row } from './measure.ts';
import { peer } from './peer.ts';
import { basic, clientIdOf, declare, type Running, serve } from './stage.ts';
import { tokensCeiling } from './tokens-ceiling.ts';
import { postToken } from './walk.ts';

interface Issued {
  readonly client: string;
  readonly token: string;
}

const form = 'application/x-www-form-urlencoded';

async function issue(server: Running, client: string): Promise<Issued> {
  const { access_token: token } = await postToken(server.url, basic(client), { grant_type: 'client_credentials' });
  return { client, token: String(token) };
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
    const declared = await declare(stage, { clients, client: { access_token_format: 'opaque' }, server: long });
    const opaque = await serve(stage, declared);
    const ceiling = (sign: 'batched' | 'stored') => tokensCeiling(stage, { ...declared, clients, sign });
    const [ceilingJwt, ceilingOpaque] = [await ceiling('batched'), await ceiling('stored')];

    const seen = async (name: string, role: Row['role'], server: Running, path: string) => {
      const tokens = await issueMany(server, clients, few);
      const next = () => ask(path, tokens[random(few)] ?? { client: '', token: '' });
      return requestRow({ name, role, server, next, onAnswer: isActive });
    };
    // Fresh tokens for each load, as many as it can ask about (`most` a second); what is left over is not asked twice.
    const fresh = (name: string, role: Row['role'], server: Running, most = 18_000) => {
      let tokens: Issued[] = [];
      return requestRow({
        name,
        role,
        server,
        prepare: async (extent: Extent) => {
          tokens = await issueMany(
            server,
            clients,
            'operations' in extent ? extent.operations + 64 : extent.seconds * most,
          );
        },
        next: () => ask('/introspect', tokens.pop() ?? { client: clientIdOf(0), token: 'none-left' }),
        onAnswer: isActive,
      });
    };
    const rows = [
      await seen('JWT, seen', 'ours', jwt, '/introspect'),
      await seen('opaque, seen', 'ours', opaque, '/introspect'),
      fresh('JWT, first sight', 'ours', jwt),
      fresh('opaque, first sight', 'ours', opaque, 28_000),
      await seen('ceiling, seen', 'ceiling', ceilingJwt, '/introspect'),
      fresh('ceiling, JWT, first sight', 'ceiling', ceilingJwt),
      fresh('ceiling, opaque, first sight', 'ceiling', ceilingOpaque, 28_000),
      ...(options.peer
        ? [await seen('peer, opaque', 'peer', await peer(stage, { clients, format: 'opaque' }), '/token/introspection')]
        : []),
    ];
    return {
      rows,
      targets: among(rows, [
        { row: 'JWT, seen', of: 'ceiling, seen', atLeast: 0.8, gate: 0.6 },
        { row: 'opaque, seen', of: 'ceiling, seen', atLeast: 0.8, gate: 0.6 },
        { row: 'JWT, first sight', of: 'ceiling, JWT, first sight', atLeast: 0.8, gate: 0.6 },
        { row: 'opaque, first sight', of: 'ceiling, opaque, first sight', atLeast: 0.8, gate: 0.6 },
        { row: 'JWT, seen', of: 'peer, opaque', ceiling: 'ceiling, seen', atLeast: 3, gate: 2 },
        { row: 'opaque, seen', of: 'peer, opaque', ceiling: 'ceiling, seen', atLeast: 3, gate: 2 },
        {
          row: 'opaque, first sight',
          of: 'peer, opaque',
          ceiling: 'ceiling, opaque, first sight',
          atLeast: 2,
          gate: 1.5,
        },
        { row: 'JWT, first sight', of: 'peer, opaque', ceiling: 'ceiling, JWT, first sight', atLeast: 1.2, gate: 1 },
      ]),
    };
  },
};
