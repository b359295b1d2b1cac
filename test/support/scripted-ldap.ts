/** An LDAPS server that answers as a test says: wrong, too much, never. */
import type { AddressInfo } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { MessageStream } from '../../server/src/directory/ldap/answers.ts';
import { Elements } from '../../server/src/directory/ldap/ber.ts';
import { bindAnswer } from './ber.ts';
import { makeAuthority, type TestAuthority } from './certificates.ts';

export interface ScriptedRequest {
  readonly id: number;
  readonly operation: 'bind' | 'search' | 'unbind' | 'other';
  /** Of a bind: the name. */
  readonly name: string;
  /** Whether this text stands in it: a name, an attribute, the type of a control. */
  readonly mentions: (text: string) => boolean;
  readonly socket: TLSSocket;
}

export interface ScriptedServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly caPem: string;
  /** Everything that was asked. */
  readonly requests: readonly ScriptedRequest[];
  /** What it does from now on; default: every bind succeeds, nothing else is answered. */
  answer(script: (request: ScriptedRequest) => void): void;
}

const operations = new Map<number, ScriptedRequest['operation']>([
  [0x60, 'bind'],
  [0x63, 'search'],
  [0x42, 'unbind'],
]);

/** @param given who issues its certificate; default: an authority of its own, whom nobody trusts */
export async function startScriptedLdap(given?: TestAuthority): Promise<ScriptedServer> {
  const authority = given ?? (await makeAuthority('Scripted CA'));
  const { certificatePem, privateKeyPem } = await authority.issue();
  const requests: ScriptedRequest[] = [];
  let script = (request: ScriptedRequest): void => {
    if (request.operation === 'bind') request.socket.write(bindAnswer(request.id, 0));
  };
  const sockets = new Set<TLSSocket>();
  const server = createServer({ cert: certificatePem, key: privateKeyPem }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    const stream = new MessageStream(1_000_000);
    socket.on('data', (chunk: Buffer) => {
      stream.restart();
      for (const message of stream.push(chunk)) {
        const request = readRequest(message, socket);
        requests.push(request);
        script(request);
      }
    });
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `ldaps://localhost:${port}`,
    port,
    caPem: authority.pem,
    requests,
    answer(next) {
      script = next;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function readRequest(message: Buffer, socket: TLSSocket): ScriptedRequest {
  const parts = new Elements(message);
  const id = parts.readNumber(0x02);
  const { tag, value } = parts.read();
  const operation = operations.get(tag) ?? 'other';
  const mentions = (text: string) => message.includes(text);
  if (operation !== 'bind') return { id, operation, name: '', mentions, socket };
  const bind = new Elements(value);
  bind.readNumber(0x02);
  return { id, operation, name: bind.readText(), mentions, socket };
}
