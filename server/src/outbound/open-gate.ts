/** The one gate. Its order: the URL, one call at a time per URL, every address of the name, then the connection. */
import { isIP } from 'node:net';
import { type Exceptions, isServiceOf, mayCall, namedIn, readExceptions } from './addresses.ts';
import { exchange } from './exchange.ts';
import { type OutboundAnswer, type OutboundCall, OutboundFailed, type OutboundGate } from './gate.ts';
import { createResolver, orAborted, type Resolve } from './resolve.ts';
import { createTurnstile } from './turnstile.ts';

export interface OutboundPorts {
  /** As `server.outbound_allowed` of the registration; asked for every call. */
  readonly allowed: () => readonly string[] | undefined;
  /** Default: the machine's for names that it knows best, DNS for all others. */
  readonly resolve?: Resolve | undefined;
  /** PEM certificates that are trusted in place of Node's (and of `NODE_EXTRA_CA_CERTS`, which is how to add one). */
  readonly ca?: string | readonly string[] | undefined;
}

const defaultTimeout = 5_000;
const defaultMaxBytes = 65_536;
/** A name with more addresses is not looked at. */
const mostAddresses = 32;

export function createOutboundGate(ports: OutboundPorts): OutboundGate {
  const resolve = ports.resolve ?? createResolver();
  const turnstile = createTurnstile(1);
  const exceptions = remembered(() => ports.allowed());

  const pass = async (call: OutboundCall, url: URL, signal: AbortSignal): Promise<OutboundAnswer> => {
    const leave = await turnstile.enter(url.href, signal);
    try {
      const addresses = await checkedAddresses({ call, url, signal, exceptions: exceptions(), resolve });
      const maxBytes = call.maxBytes ?? defaultMaxBytes;
      return await orAborted(exchange({ call, url, addresses, maxBytes, signal, ca: call.ca ?? ports.ca }), signal);
    } finally {
      leave();
    }
  };

  return {
    async call(call) {
      const url = readUrl(call.url);
      // One clock for all of it: waiting for its turn, the name, the connection, the answer.
      const signal = AbortSignal.timeout(call.timeout ?? defaultTimeout);
      try {
        return await pass(call, url, signal);
      } catch (error) {
        throw failureOf(error, signal);
      }
    },
  };
}

/** @throws OutboundFailed `refused` */
function readUrl(text: string): URL {
  const url = URL.parse(text);
  const plain = url !== null && url.protocol === 'https:' && url.username === '' && url.password === '';
  if (!plain || url.hostname === '') throw new OutboundFailed('refused');
  url.hash = '';
  return url;
}

interface Check {
  readonly call: OutboundCall;
  readonly url: URL;
  readonly signal: AbortSignal;
  readonly exceptions: Exceptions;
  readonly resolve: Resolve;
}

/** One address that is not allowed refuses the name: whoever mixes them tries which one we take. */
async function checkedAddresses({ call, url, signal, exceptions, resolve }: Check): Promise<readonly string[]> {
  const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const { namespace } = call;
  const local = isServiceOf(namespace, hostname) || namedIn(exceptions, hostname);
  const literal = isIP(hostname) !== 0;
  const addresses = literal ? [hostname] : await resolved(() => resolve(hostname, { local, signal }), signal);
  if (addresses.length === 0) throw new OutboundFailed('unresolved');
  if (addresses.length > mostAddresses) throw new OutboundFailed('refused');
  if (!addresses.every((address) => mayCall(address, hostname, namespace, exceptions))) {
    throw new OutboundFailed('refused');
  }
  return addresses;
}

async function resolved(ask: () => Promise<readonly string[]>, signal: AbortSignal): Promise<readonly string[]> {
  try {
    return await orAborted(ask(), signal);
  } catch (error) {
    signal.throwIfAborted();
    throw new OutboundFailed('unresolved', { cause: codeOf(error) });
  }
}

/** Of an error its code alone goes on: messages of connections name addresses. */
function failureOf(error: unknown, signal: AbortSignal): OutboundFailed {
  if (error instanceof OutboundFailed) return error;
  if (signal.aborted) return new OutboundFailed('timeout');
  const code = codeOf(error);
  return new OutboundFailed(isTlsCode(code) ? 'tls' : 'unreachable', { cause: code });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
}

/** Codes of OpenSSL's verification, of Node's check of the name, and of the protocol itself. */
function isTlsCode(code: string): boolean {
  return /^(?:ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|CRL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|INVALID_(?:CA|PURPOSE)|HOSTNAME_MISMATCH|EPROTO)/.test(
    code,
  );
}

/** Reads a list again only when it is another one. */
function remembered(entries: () => readonly string[] | undefined): () => Exceptions {
  let known: readonly string[] | undefined;
  let read = readExceptions([]);
  return () => {
    const now = entries();
    if (now !== known) {
      read = readExceptions(now ?? []);
      known = now;
    }
    return read;
  };
}
