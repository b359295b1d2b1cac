/** Listening on an address, with a sentence for whoever chose it. */
import { Server as TlsServer } from 'node:tls';
import type { FastifyInstance } from 'fastify';

export interface Address {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

/** The message says what to do, and is all that anybody needs to see. */
export class AddressRefused extends Error {
  readonly code = 'address_refused';
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use: end what listens there, or choose another',
  EACCES: 'may not be listened on by this user: choose a port above 1023',
  EADDRNOTAVAIL: 'is no address of this machine: choose one that it has, or 127.0.0.1',
  ENOTFOUND: 'is no host that is known here: choose an address of this machine, such as 127.0.0.1',
};

/**
 * @param setting as whoever starts the program knows it, such as `--listen`
 * @returns `http://host:port` or, with TLS, `https://host:port`, with the port that was taken where 0 was asked for
 * @throws AddressRefused
 */
export async function listen(app: FastifyInstance, { host, port }: Address, setting: string): Promise<string> {
  const shown = host.includes(':') ? `[${host}]` : host;
  try {
    await app.listen({ host, port });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const reason = reasons[code];
    throw reason === undefined ? error : new AddressRefused(`${setting} ${shown}:${port} ${reason}`, { cause: error });
  }
  const [address] = app.addresses();
  if (address === undefined || typeof address === 'string') throw new Error('no address');
  const scheme = app.server instanceof TlsServer ? 'https' : 'http';
  return `${scheme}://${shown}:${address.port}`;
}
