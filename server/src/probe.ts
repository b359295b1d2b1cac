/**
 * What `nauthera-server probe` does: asks an issuer what every application asks first, as a stranger would: over verified
 * TLS, its discovery document, and its keys.
 */
import { get as getHttp, type IncomingMessage } from 'node:http';
import { get as getHttps } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { TLSSocket } from 'node:tls';
import { endpointUrl } from './protocol/endpoints.ts';

export interface Finding {
  readonly check: 'TLS' | 'discovery' | 'keys';
  readonly found: string;
}

/** `no`: it answers, and not as it must. `away`: it could not be asked in time. */
export type Probed =
  | { readonly outcome: 'good'; readonly findings: readonly Finding[] }
  | { readonly outcome: 'no' | 'away'; readonly findings: readonly Finding[]; readonly problem: string };

export interface ProbeOptions {
  readonly issuer: string;
  /** PEM certificates that are trusted in place of the public ones. */
  readonly ca?: string;
  /** Milliseconds in which it may begin to answer. */
  readonly patience: number;
  /** One line about what is waited for. */
  readonly onProgress: (line: string) => void;
}

/** Bytes of a document; milliseconds of one attempt. */
const largest = 1024 * 1024;
const attemptLimit = 5_000;

class Refused extends Error {}
class Away extends Error {}

/** @throws RangeError for what is no issuer */
export async function probe(options: ProbeOptions): Promise<Probed> {
  requireIssuer(options.issuer);
  const end = performance.now() + options.patience;
  for (let told = performance.now(); ; await sleep(500)) {
    const findings: Finding[] = [];
    try {
      await ask(options, findings);
      return { outcome: 'good', findings };
    } catch (error) {
      if (error instanceof Refused) return { outcome: 'no', findings, problem: error.message };
      if (!(error instanceof Away)) throw error;
      const now = performance.now();
      if (now > end) return { outcome: 'away', findings, problem: error.message };
      if (now - told < 10_000) continue;
      told = now;
      options.onProgress(`waiting for ${options.issuer}: ${error.message}`);
    }
  }
}

function requireIssuer(issuer: string): void {
  const url = URL.canParse(issuer) ? new URL(issuer) : undefined;
  const loopback = url !== undefined && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url === undefined || (url.protocol !== 'https:' && !(url.protocol === 'http:' && loopback)) || url.search !== '')
    throw new RangeError(
      'the issuer must be https://… (http:// on this machine alone), as its AuthorizationServer says it',
    );
}

async function ask({ issuer, ca }: ProbeOptions, findings: Finding[]): Promise<void> {
  const discovery = endpointUrl(issuer, 'openidConfiguration');
  const { document, tls } = await read(discovery, ca);
  if (tls !== undefined) findings.push({ check: 'TLS', found: tls });
  const found = textOf(document, 'issuer');
  if (found !== issuer)
    throw new Refused(`${discovery} names another issuer: ${JSON.stringify(found)}. Applications refuse that`);
  findings.push({ check: 'discovery', found: discovery });
  const jwksUri = textOf(document, 'jwks_uri') ?? '';
  if (!URL.canParse(jwksUri) || new URL(jwksUri).origin !== new URL(issuer).origin)
    throw new Refused(`${discovery} names no jwks_uri of its own origin`);
  const keys = (await read(jwksUri, ca)).document.keys;
  if (!Array.isArray(keys) || keys.length === 0) throw new Refused(`${jwksUri} holds no keys`);
  findings.push({ check: 'keys', found: `${jwksUri}: ${keys.length}` });
}

function textOf(document: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = document[name];
  return typeof value === 'string' ? value : undefined;
}

interface Answer {
  readonly document: Readonly<Record<string, unknown>>;
  readonly tls: string | undefined;
}

/** @throws Refused, Away */
async function read(url: string, ca: string | undefined): Promise<Answer> {
  const response = await begin(url, ca);
  const tls = response.socket instanceof TLSSocket ? tlsOf(response.socket) : undefined;
  const text = await bodyOf(response);
  const status = response.statusCode ?? 0;
  if (status >= 500) throw new Away(`${url} answers ${status}`);
  if (status !== 200) throw new Refused(`${url} answers ${status}`);
  return { document: parse(url, text), tls };
}

function parse(url: string, text: string): Answer['document'] {
  try {
    const document: unknown = JSON.parse(text);
    if (typeof document === 'object' && document !== null) return { ...document };
  } catch {
    // Said below.
  }
  throw new Refused(`${url} answers something else than a JSON object`);
}

function begin(url: string, ca: string | undefined): Promise<IncomingMessage> {
  const options = { timeout: attemptLimit, headers: { accept: 'application/json' }, agent: false };
  return new Promise((resolve, reject) => {
    const request = url.startsWith('https:')
      ? getHttps(url, { ...options, ...(ca === undefined ? {} : { ca }) }, resolve)
      : getHttp(url, options, resolve);
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.on('error', (error: NodeJS.ErrnoException) => reject(unreached(url, error)));
  });
}

const untrusted = /^(CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|ERR_TLS_CERT|HOSTNAME_MISMATCH)/;

function unreached(url: string, error: NodeJS.ErrnoException): Error {
  const { host } = new URL(url);
  if (untrusted.test(error.code ?? ''))
    return new Refused(`the certificate of ${host} is not trusted (${error.code}). Give its CA with --ca`);
  return new Away(`${host} does not answer (${error.code ?? error.message})`);
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of response) {
      const bytes = Buffer.from(chunk as Uint8Array);
      length += bytes.length;
      if (length > largest) throw new Refused('the answer is too long');
      chunks.push(bytes);
    }
  } catch (error) {
    throw error instanceof Refused ? error : new Away('the answer ended too early');
  }
  return Buffer.concat(chunks).toString();
}

function tlsOf(socket: TLSSocket): string {
  return `${socket.getProtocol() ?? ''}, certificate until ${new Date(socket.getPeerCertificate().valid_to).toISOString()}`;
}
