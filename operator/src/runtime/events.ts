/**
 * Events (events.k8s.io/v1) for those who look with `kubectl describe`. They are a courtesy: recording one waits for
 * nothing, fails nothing, and is bounded in every way.
 */
import { randomBytes } from 'node:crypto';
import { ApiError, apiPath, type KubernetesApi, NotLeading } from './kubernetes-api.ts';
import { microTime } from './lease.ts';
import { processTimers, type Timers } from './queue.ts';

export interface Regarding {
  /** Default: what the recorder was made with. */
  readonly apiVersion?: string;
  readonly kind: string;
  /** Empty for what has no namespace. */
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface EventFacts {
  readonly regarding: Regarding;
  readonly type: 'Normal' | 'Warning';
  /** UpperCamelCase, at most 128 characters. */
  readonly reason: string;
  /** What was being done, UpperCamelCase, at most 128 characters. */
  readonly action: string;
  /** One line; cut at 1 kB. */
  readonly note: string;
}

export interface EventRecorder {
  record(event: EventFacts): void;
  /** Sends what waits, for 2 s at most. */
  stop(): Promise<void>;
}

export interface EventRecorderOptions {
  /** With the gate for writes. */
  readonly api: KubernetesApi;
  readonly apiVersion: string;
  /** This process, e.g. its host name. */
  readonly instance: string;
  /** Default `auth.nauthera.io/operator`. */
  readonly controller?: string;
  /** Once each time that events begin to be lost. */
  readonly onProblem?: (error: unknown) => void;
  readonly timers?: Timers;
}

/** Events waiting; further ones are dropped. */
const longestQueue = 500;
/** Per object: so many at once, then one in five minutes. */
const burst = 25;
const refill = 300_000;
/** Identical ones within six minutes of each other are one Event that counts; the count is written this long after. */
const seriesEnd = 360_000;
const seriesDelay = 10_000;
/** Objects and series remembered. */
const mostRemembered = 2000;

interface Series {
  readonly path: string;
  count: number;
  lastAt: number;
  lastObserved: number;
  isDue: boolean;
}

interface Bucket {
  tokens: number;
  at: number;
}

interface Job {
  readonly method: 'POST' | 'PATCH';
  readonly path: string;
  readonly body: () => object;
}

export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  return new Recorder(options);
}

class Recorder implements EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #timers: Timers;
  readonly #queue: Job[] = [];
  readonly #series = new Map<string, Series>();
  readonly #buckets = new Map<string, Bucket>();
  readonly #stop = new AbortController();
  #working: Promise<void> | undefined;
  #losing = false;
  #stopped = false;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#timers = options.timers ?? processTimers;
  }

  record(event: EventFacts): void {
    if (this.#stopped) return;
    const now = this.#timers.now();
    const key = JSON.stringify([event.regarding.uid, event.type, event.reason, event.action, event.note]);
    const series = this.#series.get(key);
    if (series !== undefined && now - series.lastAt < seriesEnd) return this.#again(series, now);
    if (!this.#mayRecord(event.regarding.uid, now)) return;
    const namespace = event.regarding.namespace === '' ? 'default' : event.regarding.namespace;
    const collection = apiPath('apis', 'events.k8s.io', 'v1', 'namespaces', namespace, 'events');
    const name = `${event.regarding.name.slice(0, 230)}.${randomBytes(8).toString('hex')}`;
    const path = `${collection}${apiPath(name)}`;
    remember(this.#series, key, { path, count: 1, lastAt: now, lastObserved: Date.now(), isDue: false });
    const body = this.#eventObject(event, namespace, name);
    this.#enqueue({ method: 'POST', path: collection, body: () => body });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const timer = setTimeout(() => this.#stop.abort(), 2000);
    await this.#working;
    clearTimeout(timer);
    this.#stop.abort();
  }

  #again(series: Series, now: number): void {
    series.count += 1;
    series.lastAt = now;
    series.lastObserved = Date.now();
    if (series.isDue) return;
    series.isDue = true;
    const cancel = this.#timers.after(seriesDelay, () => {
      this.#stop.signal.removeEventListener('abort', cancel);
      series.isDue = false;
      const body = (): object => ({
        series: { count: series.count, lastObservedTime: microTime(series.lastObserved) },
      });
      this.#enqueue({ method: 'PATCH', path: series.path, body });
    });
    this.#stop.signal.addEventListener('abort', cancel, { once: true });
  }

  #mayRecord(uid: string, now: number): boolean {
    const bucket = this.#buckets.get(uid) ?? { tokens: burst, at: now };
    const tokens = Math.min(burst, bucket.tokens + (now - bucket.at) / refill);
    remember(this.#buckets, uid, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now });
    return tokens >= 1;
  }

  #enqueue(job: Job): void {
    if (this.#queue.length >= longestQueue) return this.#lost(new Error('Too many events are waiting'));
    this.#queue.push(job);
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
    });
  }

  /** One at a time: nobody waits for them. */
  async #work(): Promise<void> {
    for (let job = this.#queue.shift(); job !== undefined; job = this.#queue.shift()) {
      try {
        await this.#options.api.request({
          method: job.method,
          path: job.path,
          body: job.body(),
          ...(job.method === 'PATCH' ? { contentType: 'application/merge-patch+json' } : {}),
          signal: this.#stop.signal,
          timeout: 5000,
        });
        this.#losing = false;
      } catch (error) {
        // Its namespace, or the event, is gone.
        if (!(error instanceof ApiError && error.status === 404) && !(error instanceof NotLeading)) this.#lost(error);
      }
    }
  }

  #lost(error: unknown): void {
    if (this.#losing) return;
    this.#losing = true;
    this.#options.onProblem?.(error);
  }

  #eventObject(event: EventFacts, namespace: string, name: string): object {
    const { apiVersion, controller = 'auth.nauthera.io/operator', instance } = this.#options;
    const { regarding } = event;
    return {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { namespace, name },
      eventTime: microTime(Date.now()),
      reportingController: controller,
      reportingInstance: instance.slice(0, 128),
      type: event.type,
      reason: event.reason.slice(0, 128),
      action: event.action.slice(0, 128),
      note: cut(event.note, 1024),
      regarding: {
        apiVersion: regarding.apiVersion ?? apiVersion,
        kind: regarding.kind,
        ...(regarding.namespace === '' ? {} : { namespace: regarding.namespace }),
        name: regarding.name,
        uid: regarding.uid,
      },
    };
  }
}

/** The newest are kept. */
function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= mostRemembered) return;
    map.delete(oldest);
  }
}

/** At most so many bytes of UTF-8, no character cut in two. */
function cut(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  const start = Buffer.from(text)
    .subarray(0, bytes - 3)
    .toString('utf8');
  return `${start.replace(/\uFFFD$/, '')}…`;
}
