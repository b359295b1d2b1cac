/**
 * `@nauthera/server/tracing`: spans, as the rest of the program sees them. There are none unless an endpoint is set: then this
 * file loads what makes and sends them, and the composition root puts it around its parts. Without one nothing is loaded,
 * and nobody asks whether there is any.
 */

import type { Log } from './log.ts';
import type { LogFields } from './log-fields.ts';
import type { TracingSettings } from './tracing-settings.ts';

export type { Log } from './log.ts';
export { type ReadTracing, readTracingSettings, type TracingSettings } from './tracing-settings.ts';

/** What a span may say: what a line of the log may, but for stacks, and which statement it was. Never a value of one. */
export interface SpanFields extends Omit<LogFields, 'trace_id' | 'span_id' | 'error.stack' | 'duration_ms'> {
  readonly 'db.system.name'?: 'postgresql';
  readonly 'db.operation.name'?: string;
  readonly 'db.collection.name'?: string;
  /** The name of the statement, as in metrics. */
  readonly 'db.query.summary'?: string;
}

export interface Span {
  set(fields: SpanFields): void;
  /** It did not do what it was for. */
  fail(type: string): void;
}

export interface OpenSpan extends Span {
  /** What `work` begins is part of it. */
  within<T>(work: () => T): T;
  end(): void;
}

export interface SpanIds {
  readonly trace_id: string;
  readonly span_id: string;
}

export interface BeginOptions {
  /** Answers somebody. Default: internal. */
  readonly server?: boolean;
  /** Of whoever asks, where he is believed: W3C Trace Context. What cannot be read counts as left out. */
  readonly traceparent?: string | undefined;
  readonly fields?: SpanFields;
}

export interface PastSpan {
  /** Epoch milliseconds; it ends now. */
  readonly began: number;
  /** Traces that led to it; what cannot be read is passed over. */
  readonly links: readonly string[];
  readonly fields?: SpanFields;
}

export interface Tracing {
  /** A span of a new trace, or of the one that asks; to be ended by the caller. */
  begin(name: string, options?: BeginOptions): OpenSpan;
  /** What `work` does as a part of what is under way, until its promise settles; alone it is no span. */
  step<T>(name: string, work: (span: Span) => T, fields?: SpanFields): T;
  /** What has happened, as a trace of its own. */
  record(name: string, past: PastSpan): void;
  /** Of what is under way here; `undefined`: nothing is. */
  current(): SpanIds | undefined;
  /** For somebody who goes on elsewhere; `undefined`: nothing is under way, or it is not among those that are kept. */
  traceparent(): string | undefined;
  /** Sends what is left, for three seconds at most. */
  stop(): Promise<void>;
}

export interface Traced {
  /** `service.name`, where the environment names none. */
  readonly service: string;
  readonly version: string;
  readonly pod?: string | undefined;
  readonly log: Log;
}

/** Loads what makes and sends spans. A receiver that is away is told in the log now and then, and hinders nobody. */
export async function startTracing(settings: TracingSettings, traced: Traced): Promise<Tracing> {
  const { openTracing } = await import('./tracing-sdk.ts');
  return openTracing(settings, traced);
}

const unseen: Span = { set: () => undefined, fail: () => undefined };

/** A step where there is tracing; else just the work. */
export function stepOf<T>(tracing: Tracing | undefined, name: string, work: (span: Span) => T, fields?: SpanFields): T {
  return tracing === undefined ? work(unseen) : tracing.step(name, work, fields);
}

/** The same log; a line that belongs to a span names it. */
export function logWithin(log: Log, tracing: Tracing): Log {
  const line =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, fields?: LogFields): void => {
      if (log.writes(level)) log[level](message, { ...fields, ...tracing.current() });
    };
  return {
    debug: line('debug'),
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
    writes: (level) => log.writes(level),
    audit: (event) => {
      const current = tracing.current();
      log.audit(current === undefined ? event : { ...event, trace_id: current.trace_id });
    },
    named: (logger) => logWithin(log.named(logger), tracing),
    flush: () => log.flush(),
  };
}
