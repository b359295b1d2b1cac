/**
 * A proxy before the Kubernetes API that understands its requests and does harm on request. It has a certificate of its
 * own; bearer tokens pass through. Every fault counts how often it has fired, so that one that never did can fail its test.
 */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, type Server, request as send } from 'node:https';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, type FalseAnswer, passedOn, statusAnswer } from './api-answers.ts';
import { type ApiCall, apiCall, type CallMatch } from './api-call.ts';
import { type EventChange, type WatchEvent, Watches, WatchStream } from './api-watches.ts';
import { makeAuthority } from './certificates.ts';
import type { Endpoint } from './kube-files.ts';

export type { Answer, FalseAnswer } from './api-answers.ts';
export { type ApiCall, type CallFilter, type CallMatch, on } from './api-call.ts';
export { goneEvent, type WatchEvent } from './api-watches.ts';

/** A fault, or a counter, that is in force until it is disarmed or has fired as often as it may. */
export interface Rule {
  readonly fired: number;
  disarm(): void;
}

export interface Counter extends Rule {
  readonly calls: readonly ApiCall[];
}

export interface Hold extends Rule {
  /** The first call that is held. */
  readonly reached: Promise<ApiCall>;
  /** Held calls go on, and later ones pass. */
  release(): void;
}

export interface KeptLists extends Rule {
  /** From now on every list that was kept is answered as it was then. */
  replay(): void;
}

/** How a call goes on: to the API server, with another answer, or with a reset connection. */
type Verdict = 'pass' | 'reset' | Answer;

interface Stage {
  readonly match: CallMatch;
  /** Before the call is forwarded. */
  readonly before?: (call: ApiCall) => Verdict | Promise<Verdict>;
  /** After the API server has answered (not for a watch), before the answer is passed on. */
  readonly after?: (call: ApiCall, answer: Answer) => Verdict | Promise<Verdict>;
  readonly change?: EventChange;
}

export class ApiProxy implements Endpoint {
  readonly caPem: string;
  readonly #target: URL;
  readonly #server: Server;
  readonly #agent: Agent;
  readonly #sockets = new Set<Socket>();
  readonly #stages = new Set<Stage>();
  readonly #watches = new Watches();
  #refuses = false;
  #port = 0;

  private constructor(target: Endpoint, caPem: string, server: Server) {
    this.#target = new URL(target.server);
    this.#agent = new Agent({ keepAlive: true, ca: target.caPem });
    this.caPem = caPem;
    this.#server = server;
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => this.#sockets.delete(socket));
      if (this.#refuses) reset(socket);
    });
    server.on('tlsClientError', () => undefined);
    server.on('request', (request, answer) => {
      this.#serve(request, answer).catch(() => request.socket.destroy());
    });
  }

  static async start(target: Endpoint): Promise<ApiProxy> {
    const authority = await makeAuthority('Fault proxy CA');
    const { certificatePem, privateKeyPem } = await authority.issue();
    const server = createServer({ cert: certificatePem, key: privateKeyPem, keepAliveTimeout: 0 });
    const proxy = new ApiProxy(target, authority.pem, server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    proxy.#port = typeof address === 'object' && address !== null ? address.port : 0;
    return proxy;
  }

  get server(): string {
    return `https://127.0.0.1:${this.#port}`;
  }

  // ---- calls ----

  count(match: CallMatch): Counter {
    const calls: ApiCall[] = [];
    const rule = this.#arm(match, Number.POSITIVE_INFINITY, (fire) => ({
      before: (call) => {
        fire();
        calls.push(call);
        return 'pass';
      },
    }));
    return Object.assign(rule, { calls });
  }

  /** This instead of what the API server would say; it does not see the call. */
  answer(match: CallMatch, said: FalseAnswer, times = Number.POSITIVE_INFINITY): Rule {
    return this.#arm(match, times, (fire) => ({ before: () => (fire() ? statusAnswer(said) : 'pass') }));
  }

  delay(match: CallMatch, milliseconds: number, times = Number.POSITIVE_INFINITY): Rule {
    return this.#arm(match, times, (fire) => ({
      before: async (): Promise<Verdict> => {
        if (fire()) await sleep(milliseconds);
        return 'pass';
      },
    }));
  }

  /** Calls wait before they are forwarded, until {@link Hold.release}. */
  hold(match: CallMatch): Hold {
    const released = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<ApiCall>();
    const rule = this.#arm(match, Number.POSITIVE_INFINITY, (fire) => ({
      before: async (call): Promise<Verdict> => {
        fire();
        reached.resolve(call);
        await released.promise;
        return 'pass';
      },
    }));
    const release = () => {
      rule.disarm();
      released.resolve();
    };
    return Object.assign(rule, { reached: reached.promise, release });
  }

  /** Runs `action` instead of forwarding the k-th such call, then resets its connection. */
  before(match: CallMatch, k: number, action: (call: ApiCall) => unknown = () => undefined): Rule {
    let seen = 0;
    return this.#arm(match, 1, (fire) => ({
      before: async (call) => {
        seen += 1;
        if (seen !== k || !fire()) return 'pass';
        await action(call);
        return 'reset';
      },
    }));
  }

  /** Runs `action` when the k-th such call has been carried out, then resets its connection: the answer is lost. */
  after(match: CallMatch, k: number, action: (call: ApiCall) => unknown = () => undefined): Rule {
    let seen = 0;
    return this.#arm(match, 1, (fire) => ({
      after: async (call) => {
        seen += 1;
        if (seen !== k || !fire()) return 'pass';
        await action(call);
        return 'reset';
      },
    }));
  }

  /** Remembers each matching list, page by page; see {@link KeptLists.replay}. */
  keepLists(match: CallMatch): KeptLists {
    const kept = new Map<string, Answer>();
    let replaying = false;
    const keyOf = ({ path, query }: ApiCall) => `${path}?${query.get('labelSelector')}&${query.get('continue')}`;
    const isList = (call: ApiCall) => call.verb === 'list' && match(call);
    const rule = this.#arm(isList, Number.POSITIVE_INFINITY, (fire) => ({
      before: (call) => {
        const answer = replaying ? kept.get(keyOf(call)) : undefined;
        if (answer === undefined) return 'pass';
        fire();
        return answer;
      },
      after: (call, answer) => {
        if (!replaying && answer.status === 200) kept.set(keyOf(call), answer);
        return 'pass';
      },
    }));
    const replay = () => {
      replaying = true;
    };
    return Object.assign(rule, { replay });
  }

  // ---- watches ----

  openWatches(match: CallMatch): number {
    return this.#watches.matching(match).length;
  }

  /** Open watches stay open and say nothing any more; how many. Later ones work. */
  silence(match: CallMatch): number {
    const streams = this.#watches.matching(match);
    for (const stream of streams) stream.isSilent = true;
    return streams.length;
  }

  /** A line of ours into each open watch, e.g. {@link goneEvent}; how many. */
  inject(match: CallMatch, event: WatchEvent): number {
    const streams = this.#watches.matching(match);
    for (const stream of streams) stream.send(event);
    return streams.length;
  }

  /** Ends open watches as the API server does after some minutes; how many. */
  endWatches(match: CallMatch): number {
    const streams = this.#watches.matching(match);
    for (const stream of streams) stream.end();
    return streams.length;
  }

  /** Each event of matching watches, also of open ones, goes through `change`; `fired` counts those that it changed. */
  changeEvents(match: CallMatch, change: EventChange, times = Number.POSITIVE_INFINITY): Rule {
    return this.#arm(match, times, (fire) => ({
      change: (event, stream) => {
        const events = change(event, stream);
        return (events.length === 1 && events[0] === event) || fire() ? events : [event];
      },
    }));
  }

  dropEvents(match: CallMatch, which: (event: WatchEvent) => boolean = isChange, times?: number): Rule {
    return this.changeEvents(match, (event) => (which(event) ? [] : [event]), times);
  }

  doubleEvents(match: CallMatch, which: (event: WatchEvent) => boolean = isChange, times?: number): Rule {
    return this.changeEvents(match, (event) => (which(event) ? [event, event] : [event]), times);
  }

  /** Each second one comes before the first: an event is held until the next one of its stream has passed. */
  reorderEvents(match: CallMatch, which: (event: WatchEvent) => boolean = isChange): Rule {
    const held = new Map<object, WatchEvent>();
    return this.changeEvents(match, (event, stream) => {
      const earlier = held.get(stream);
      if (earlier !== undefined) {
        held.delete(stream);
        return [event, earlier];
      }
      if (!which(event)) return [event];
      held.set(stream, event);
      return [];
    });
  }

  // ---- connections ----

  /** Ends every open connection with RST; how many. */
  reset(): number {
    const sockets = [...this.#sockets];
    for (const socket of sockets) reset(socket);
    return sockets.length;
  }

  /** New connections are reset; open ones go on. */
  refuse(): void {
    this.#refuses = true;
  }

  accept(): void {
    this.#refuses = false;
  }

  /** No rule is in force any more. */
  disarm(): void {
    this.#stages.clear();
    this.#refuses = false;
  }

  async close(): Promise<void> {
    this.reset();
    this.#agent.destroy();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // ---- how it works ----

  /** `make` gets a function that says whether the rule may fire once more, and counts it. */
  #arm(
    match: CallMatch,
    times: number,
    make: (fire: () => boolean) => Omit<Stage, 'match'>,
  ): { fired: number; disarm(): void } {
    const rule = { fired: 0, disarm: () => void this.#stages.delete(stage) };
    const fire = () => {
      if (rule.fired >= times) return false;
      rule.fired += 1;
      return true;
    };
    const stage: Stage = { match, ...make(fire) };
    this.#stages.add(stage);
    return rule;
  }

  #stagesFor(call: ApiCall): readonly Stage[] {
    return [...this.#stages].filter((stage) => stage.match(call));
  }

  async #serve(request: IncomingMessage, answer: ServerResponse): Promise<void> {
    const body = await bytesOf(request);
    const call = apiCall(request.method ?? 'GET', request.url ?? '/', request.headers['user-agent'] ?? '', body);
    for (const stage of this.#stagesFor(call)) {
      const verdict = (await stage.before?.(call)) ?? 'pass';
      if (verdict !== 'pass') return this.#finish(answer, verdict);
    }
    const upstream = await this.#forward(request, answer, body);
    const isJson = (upstream.headers['content-type'] ?? '').startsWith('application/json');
    if (call.verb === 'watch' && upstream.statusCode === 200 && isJson) return this.#follow(call, upstream, answer);
    let given: Answer = {
      status: upstream.statusCode ?? 502,
      headers: upstream.headers,
      body: await bytesOf(upstream),
    };
    for (const stage of this.#stagesFor(call)) {
      const verdict = (await stage.after?.(call, given)) ?? 'pass';
      if (verdict === 'reset') return this.#finish(answer, verdict);
      if (verdict !== 'pass') given = verdict;
    }
    this.#finish(answer, given);
  }

  #finish(answer: ServerResponse, verdict: Answer | 'reset'): void {
    if (verdict === 'reset') {
      const port = answer.socket?.remotePort;
      for (const socket of this.#sockets) if (socket.remotePort === port) reset(socket);
      return;
    }
    answer.writeHead(verdict.status, { ...passedOn(verdict.headers), 'content-length': verdict.body.length });
    answer.end(verdict.body);
  }

  #forward(request: IncomingMessage, answer: ServerResponse, body: Buffer): Promise<IncomingMessage> {
    const { connection: _, 'transfer-encoding': __, 'accept-encoding': ___, ...headers } = request.headers;
    return new Promise((resolve, reject) => {
      const forwarded = send({
        agent: this.#agent,
        host: this.#target.hostname,
        port: this.#target.port,
        method: request.method,
        path: request.url,
        headers: { ...headers, host: this.#target.host, ...(body.length > 0 ? { 'content-length': body.length } : {}) },
      });
      forwarded.once('response', resolve);
      forwarded.once('error', reject);
      // Whoever asked has gone: the API server need not go on.
      answer.once('close', () => forwarded.destroy());
      forwarded.end(body);
    });
  }

  #follow(call: ApiCall, upstream: IncomingMessage, answer: ServerResponse): void {
    const changes = () => this.#stagesFor(call).flatMap(({ change }) => change ?? []);
    const stream = new WatchStream(call, answer, changes);
    this.#watches.add(stream);
    answer.writeHead(200, passedOn(upstream.headers));
    answer.flushHeaders();
    upstream.on('data', (chunk: Buffer) => stream.take(chunk));
    upstream.once('end', () => stream.end());
    upstream.once('error', () => {
      // What is silent stays open: that is its fault.
      if (!stream.isSilent) answer.destroy();
    });
    answer.once('close', () => this.#watches.remove(stream));
  }
}

export const startApiProxy = (target: Endpoint): Promise<ApiProxy> => ApiProxy.start(target);

function isChange({ type }: WatchEvent): boolean {
  return type !== 'BOOKMARK' && type !== 'ERROR';
}

function reset(socket: Socket): void {
  socket.resetAndDestroy();
}

async function bytesOf(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
