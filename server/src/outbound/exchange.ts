/** One HTTPS request to addresses that were checked, under the name that was asked for. */

import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Agent, type RequestOptions, request } from 'node:https';
import type { LookupFunction } from 'node:net';
import { isIP } from 'node:net';
import { type OutboundAnswer, type OutboundCall, OutboundFailed } from './gate.ts';

export interface Exchange {
  readonly call: OutboundCall;
  readonly url: URL;
  /** Checked ones alone; the connection goes to one of them. */
  readonly addresses: readonly string[];
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  /** PEM; `undefined`: those that Node trusts, `NODE_EXTRA_CA_CERTS` included. */
  readonly ca: string | readonly string[] | undefined;
}

/**
 * @throws OutboundFailed `redirect`, `too_large`
 * @throws the error of the connection, or the signal's reason
 */
export async function exchange(options: Exchange): Promise<OutboundAnswer> {
  // An agent of its own: no connection, no TLS session and no proxy is taken over from another call.
  const agent = new Agent({ keepAlive: false, maxCachedSessions: 0 });
  try {
    const answer = await send(options, agent);
    const status = answer.statusCode ?? 0;
    if (status >= 300 && status < 400) throw new OutboundFailed('redirect');
    return { status, headers: flat(answer.headers), body: await readBody(answer, options.maxBytes) };
  } finally {
    agent.destroy();
  }
}

function send(options: Exchange, agent: Agent): Promise<IncomingMessage> {
  const { call } = options;
  return new Promise((resolve, reject) => {
    const sent = request(requestOptions(options, agent));
    sent.on('error', reject);
    sent.on('response', resolve);
    // A peer that would speak another protocol says nothing that we asked for.
    sent.on('upgrade', (_answer, socket) => {
      socket.destroy();
      reject(new Error('the peer changed the protocol'));
    });
    sent.end(call.body);
  });
}

function requestOptions({ call, url, addresses, signal, ca }: Exchange, agent: Agent): RequestOptions {
  const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return {
    agent,
    method: call.method,
    protocol: 'https:',
    // The name stays as it is for TLS and the Host header; the look-up below is the only way to an address.
    host: hostname,
    port: url.port === '' ? 443 : Number(url.port),
    path: `${url.pathname}${url.search}`,
    lookup: pinned(addresses),
    headers: {
      ...call.headers,
      ...(call.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(call.body)) }),
      'accept-encoding': 'identity',
      'user-agent': 'nauthera',
    },
    maxHeaderSize: 16_384,
    minVersion: 'TLSv1.2',
    // Said aloud: an environment variable could switch the default off.
    rejectUnauthorized: true,
    ...(isIP(hostname) === 0 ? { servername: hostname } : {}),
    ...(ca === undefined ? {} : { ca: typeof ca === 'string' ? ca : [...ca] }),
    signal,
  };
}

/** Answers with what was checked, whatever is asked: the name is never resolved a second time. */
function pinned(addresses: readonly string[]): LookupFunction {
  const found = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_hostname, { all }, answer) => {
    const [first] = found;
    if (all === true) answer(null, found);
    else answer(null, first?.address ?? '', first?.family);
  };
}

async function readBody(answer: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const tooLarge = (): OutboundFailed => {
    answer.destroy();
    return new OutboundFailed('too_large');
  };
  if (Number(answer.headers['content-length'] ?? 0) > maxBytes) throw tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function flat(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  const pairs = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, typeof value === 'string' ? value : value.join(', ')] as const],
  );
  return Object.fromEntries(pairs);
}
