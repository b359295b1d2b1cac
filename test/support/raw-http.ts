/** HTTP by hand over a socket: for requests that no client library would send, and for watching connections. */
import { connect, type Socket } from 'node:net';

export class RawConnection {
  readonly #socket: Socket;
  #received = '';
  #closed = false;
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      this.#received += chunk;
      this.#wake();
    });
    // A reset is an end too.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#closed = true;
      this.#wake();
    });
  }

  static open(url: string): Promise<RawConnection> {
    const { hostname, port } = new URL(url);
    return new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => resolve(new RawConnection(socket)));
      socket.once('error', reject);
    });
  }

  send(text: string): void {
    this.#socket.write(text);
  }

  get received(): string {
    return this.#received;
  }

  /** Everything received once it holds `text`. @throws after 15 s, or when the connection ends without it */
  until(text: string): Promise<string> {
    return this.#wait(() => (this.#received.includes(text) ? this.#received : undefined), text);
  }

  /** Everything received once the other side has closed. @param limit milliseconds, default 15 s @throws after that */
  closed(limit = 15_000): Promise<string> {
    return this.#wait(() => (this.#closed ? this.#received : undefined), 'the end', limit);
  }

  async #wait(look: () => string | undefined, what: string, limit = 15_000): Promise<string> {
    const deadline = Date.now() + limit;
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (this.#closed) throw new Error(`the connection ended before ${what}: ${this.#received}`);
      if (Date.now() > deadline) throw new Error(`no ${what} within ${limit / 1000} s: ${this.#received}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 500);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** A form as bytes on the wire. */
export function rawPost(path: string, body: string, headers: readonly string[] = []): string {
  return [
    `POST ${path} HTTP/1.1`,
    'Host: id.example.com',
    'Content-Type: application/x-www-form-urlencoded',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...headers,
    '',
    body,
  ].join('\r\n');
}
