/**
 * A TCP proxy in user space that does harm on request: it passes, delays, swallows, resets and cuts, and counts what it
 * did, so that a fault that never fired can fail its test. No privileges are needed.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface FaultProxy {
  readonly port: number;
  /** Connections that were ever accepted. */
  readonly accepted: number;
  /** Those that are open now. */
  readonly open: number;
  /** Bytes that went towards the target, over all connections. */
  readonly bytesUp: number;
  /** Everything passes again; connections that were swallowed stay dead. */
  pass(): void;
  /** Bytes wait this long in each direction. */
  delay(milliseconds: number): void;
  /**
   * A thin line that loses: so many bits a second in each direction of each connection, and of the chunks every so-manieth
   * waits for as long as a lost packet is sent again after, with all behind it.
   */
  thin(line: { readonly bitsPerSecond: number; readonly everyNthStalls: number; readonly stall: number }): void;
  /** Chunks that {@link thin} stalled. */
  readonly stalled: number;
  /**
   * Bytes vanish, nothing is closed. `existing`: on connections that are open now; `new`: connections are accepted, and
   * nothing comes back; `all`: both.
   */
  blackHole(which: 'existing' | 'new' | 'all'): void;
  /** New connections are closed at once. */
  refuse(): void;
  /** Ends every open connection with RST (`reset`) or FIN (`end`); its number. */
  reset(): number;
  end(): number;
  /** After so many more bytes from the target, the connection that carries them ends in the middle of a frame. */
  cutAfter(bytes: number): void;
  /**
   * The next chunk towards the target that holds this text gets through, and the connection ends where its answer would come
   * back: what was asked has happened, and nobody hears of it.
   */
  loseAnswerTo(text: string): void;
  /** Answers that {@link loseAnswerTo} took away. */
  readonly lost: number;
  /** Where connections go from now on. */
  retarget(port: number, host?: string): void;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

interface Pair {
  /** What is on its way, in order, by where it goes. */
  readonly queues: Map<Socket, Promise<void>>;
  readonly near: Socket;
  readonly far: Socket;
  swallowed: boolean;
  answerIsLost: boolean;
}

export async function startFaultProxy(targetPort: number, targetHost = '127.0.0.1'): Promise<FaultProxy> {
  const pairs = new Set<Pair>();
  let target = { port: targetPort, host: targetHost };
  let mode: 'pass' | 'black-hole' | 'refuse' = 'pass';
  let wait = 0;
  let cut = Number.POSITIVE_INFINITY;
  let accepted = 0;
  let bytesUp = 0;
  let question: string | undefined;
  let lost = 0;
  let line: Parameters<FaultProxy['thin']>[0] | undefined;
  let chunks = 0;
  let stalled = 0;

  /** Milliseconds until the last byte is through. */
  const crossing = (length: number): number => {
    if (line === undefined) return 0;
    const { bitsPerSecond, everyNthStalls, stall } = line;
    chunks += 1;
    const stalls = chunks % everyNthStalls === 0;
    if (stalls) stalled += 1;
    return (length * 8_000) / bitsPerSecond + (stalls ? stall : 0);
  };

  const end = (pair: Pair, how: 'destroy' | 'reset' | 'end') => {
    pairs.delete(pair);
    pair.far.destroy();
    if (how === 'reset') pair.near.resetAndDestroy();
    else if (how === 'end') pair.near.end();
    else pair.near.destroy();
  };

  const carry = (pair: Pair, chunk: Buffer, to: Socket) => {
    const write = () => {
      if (!pair.swallowed && !to.destroyed) to.write(chunk);
    };
    const before = pair.queues.get(to);
    if (line !== undefined || before !== undefined) {
      const queued = (before ?? Promise.resolve()).then(() => sleep(crossing(chunk.length), undefined, { ref: false }));
      const written = queued.then(write).finally(() => {
        if (pair.queues.get(to) === written) pair.queues.delete(to);
      });
      pair.queues.set(to, written);
    } else if (wait > 0) setTimeout(write, wait).unref();
    else write();
  };

  const accept = (near: Socket) => {
    accepted += 1;
    if (mode === 'refuse') return near.destroy();
    const far = connect(target.port, target.host);
    const pair: Pair = { queues: new Map(), near, far, swallowed: mode === 'black-hole', answerIsLost: false };
    pairs.add(pair);
    near.on('data', (chunk: Buffer) => {
      if (!pair.swallowed) bytesUp += chunk.length;
      if (question !== undefined && chunk.includes(question)) {
        question = undefined;
        pair.answerIsLost = true;
      }
      carry(pair, chunk, far);
    });
    far.on('data', (chunk: Buffer) => {
      if (pair.answerIsLost) {
        lost += 1;
        return end(pair, 'reset');
      }
      const left = cut;
      cut -= chunk.length;
      if (cut > 0) return carry(pair, chunk, near);
      cut = Number.POSITIVE_INFINITY;
      near.write(chunk.subarray(0, left), () => end(pair, 'destroy'));
    });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      socket.on('error', () => undefined);
      socket.on('end', () => {
        if (!pair.swallowed) other.end();
      });
      socket.on('close', () => {
        if (pair.swallowed && socket === far) return;
        other.destroy();
        pairs.delete(pair);
      });
    }
  };

  const server: Server = createServer({ allowHalfOpen: true }, accept);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const endAll = (how: 'destroy' | 'reset' | 'end') => {
    const ended = [...pairs];
    for (const pair of ended) end(pair, how);
    return ended.length;
  };

  const proxy: FaultProxy = {
    port,
    get accepted() {
      return accepted;
    },
    get open() {
      return pairs.size;
    },
    get bytesUp() {
      return bytesUp;
    },
    get lost() {
      return lost;
    },
    loseAnswerTo(text) {
      question = text;
    },
    pass() {
      mode = 'pass';
      line = undefined;
      wait = 0;
      cut = Number.POSITIVE_INFINITY;
      question = undefined;
      // An end that was swallowed is sent again until it arrives.
      for (const pair of pairs) if (pair.swallowed && pair.near.readableEnded) end(pair, 'destroy');
    },
    delay(milliseconds) {
      wait = milliseconds;
    },
    thin(wanted) {
      line = wanted;
    },
    get stalled() {
      return stalled;
    },
    blackHole(which) {
      if (which !== 'existing') mode = 'black-hole';
      if (which !== 'new') for (const pair of pairs) pair.swallowed = true;
    },
    refuse() {
      mode = 'refuse';
    },
    reset: () => endAll('reset'),
    end: () => endAll('end'),
    cutAfter(bytes) {
      cut = bytes;
    },
    retarget(toPort, host = '127.0.0.1') {
      target = { port: toPort, host };
    },
    async close() {
      endAll('destroy');
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
    [Symbol.asyncDispose]: () => proxy.close(),
  };
  return proxy;
}
