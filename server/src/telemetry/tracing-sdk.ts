/** Makes spans and sends them. The only file that knows OpenTelemetry's library, and loaded by `tracing.ts` alone. */
import {
  type Attributes,
  type Context,
  createContextKey,
  type Span as LibrarySpan,
  type Link,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { type ExportResult, ExportResultCode, parseTraceParent } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import {
  detectResources,
  type Resource,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  SamplingDecision,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { errorFields } from './log.ts';
import { lineFields } from './log-fields.ts';
import type { BeginOptions, OpenSpan, PastSpan, Span, SpanFields, SpanIds, Traced, Tracing } from './tracing.ts';
import type { TracingSettings } from './tracing-settings.ts';

/** Milliseconds for what is left at the end. */
const patience = 3_000;
/** Milliseconds between two lines about a receiver that is away. */
const tellEvery = 600_000;

const { trace_id: _t, span_id: _s, 'error.stack': _e, duration_ms: _d, ...fieldsOfLines } = lineFields;
const allowed: ReadonlySet<string> = new Set([
  ...Object.keys(fieldsOfLines),
  'db.system.name',
  'db.operation.name',
  'db.collection.name',
  'db.query.summary',
]);

export function openTracing({ url, sampler }: TracingSettings, traced: Traced): Tracing {
  const exporter = telling(new OTLPTraceExporter({ url }), traced);
  const provider = new TracerProvider({
    resource: resourceOf(traced),
    sampler: samplerOf(sampler),
    spanLimits: { attributeValueLengthLimit: 1024 },
    spanProcessors: [new BatchSpanProcessor({ exporter })],
  });
  return new OpenTracing(provider.getTracer('nauthera', traced.version), () => provider.shutdown());
}

const activeKey = createContextKey('what is under way');

/** What is under way here. It is remembered by whatever it began, also by what goes on after its end. */
class Active implements OpenSpan {
  readonly span: LibrarySpan;
  readonly context: Context;
  readonly #contexts: AsyncLocalStorageContextManager;
  open = true;

  constructor(span: LibrarySpan, parent: Context, contexts: AsyncLocalStorageContextManager) {
    this.span = span;
    this.context = trace.setSpan(parent, span).setValue(activeKey, this);
    this.#contexts = contexts;
  }

  set(fields: SpanFields): void {
    this.span.setAttributes(onlyAllowed(fields));
  }

  fail(type: string): void {
    this.span.setAttribute('error.type', type).setStatus({ code: SpanStatusCode.ERROR });
  }

  within<T>(work: () => T): T {
    return this.#contexts.with(this.context, work);
  }

  end(): void {
    this.open = false;
    this.span.end();
  }
}

const nobody: Span = { set: () => undefined, fail: () => undefined };

class OpenTracing implements Tracing {
  readonly #tracer: Tracer;
  readonly #shutdown: () => Promise<void>;
  readonly #contexts = new AsyncLocalStorageContextManager();

  constructor(tracer: Tracer, shutdown: () => Promise<void>) {
    this.#tracer = tracer;
    this.#shutdown = shutdown;
  }

  begin(name: string, { server = false, traceparent, fields }: BeginOptions = {}): OpenSpan {
    const from = remote(traceparent);
    const parent = from === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, from);
    return this.#start(name, parent, server ? SpanKind.SERVER : SpanKind.INTERNAL, fields);
  }

  step<T>(name: string, work: (span: Span) => T, fields?: SpanFields): T {
    const active = this.#active();
    if (active?.span.isRecording() !== true) return work(nobody);
    const span = this.#start(name, active.context, SpanKind.INTERNAL, fields);
    return untilItSettles(span, () => span.within(() => work(span)));
  }

  record(name: string, { began, links, fields = {} }: PastSpan): void {
    const options = { startTime: began, attributes: onlyAllowed(fields), links: links.flatMap(linkTo) };
    this.#tracer.startSpan(name, options, ROOT_CONTEXT).end();
  }

  current(): SpanIds | undefined {
    const active = this.#active();
    if (active === undefined) return undefined;
    const { traceId, spanId } = active.span.spanContext();
    return { trace_id: traceId, span_id: spanId };
  }

  traceparent(): string | undefined {
    const active = this.#active();
    if (active === undefined) return undefined;
    const { traceId, spanId, traceFlags } = active.span.spanContext();
    return isSampled(traceFlags) ? `00-${traceId}-${spanId}-01` : undefined;
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, patience);
      const end = (): void => {
        clearTimeout(timer);
        resolve();
      };
      this.#shutdown().then(end, end);
    });
  }

  #start(name: string, parent: Context, kind: SpanKind, fields: SpanFields = {}): Active {
    const span = this.#tracer.startSpan(name, { kind, attributes: onlyAllowed(fields) }, parent);
    return new Active(span, parent, this.#contexts);
  }

  /** Timers and loops that a span began go on after it: they are no part of it any more. */
  #active(): Active | undefined {
    const active = this.#contexts.active().getValue(activeKey);
    return active instanceof Active && active.open ? active : undefined;
  }
}

function untilItSettles<T>(span: OpenSpan, work: () => T): T {
  const failed = (error: unknown): void => {
    span.fail(errorFields(error)['error.type'] ?? 'unknown');
    span.end();
  };
  let result: T;
  try {
    result = work();
  } catch (error) {
    failed(error);
    throw error;
  }
  if (result instanceof Promise) result.then(() => span.end(), failed);
  else span.end();
  return result;
}

function onlyAllowed(fields: SpanFields): Attributes {
  const kept: Attributes = {};
  for (const [name, value] of Object.entries(fields))
    if (allowed.has(name) && (typeof value === 'string' || typeof value === 'number')) kept[name] = value;
  return kept;
}

function remote(traceparent: string | undefined): SpanContext | null {
  const read = traceparent === undefined ? null : parseTraceParent(traceparent);
  return read === null ? null : { ...read, isRemote: true };
}

function linkTo(traceparent: string): Link[] {
  const context = remote(traceparent);
  return context === null ? [] : [{ context }];
}

function isSampled(flags: number): boolean {
  return (flags & TraceFlags.SAMPLED) !== 0;
}

function samplerOf({ parentBased, ratio }: TracingSettings['sampler']): Sampler {
  const root = linkedToo(new TraceIdRatioBasedSampler(ratio), ratio);
  return parentBased ? new ParentBasedSampler({ root }) : root;
}

/** Whoever looks at a trace that is kept wants to see what came of it: what links to one is kept too, unless nothing is. */
function linkedToo(sampler: Sampler, ratio: number): Sampler {
  if (ratio === 0) return sampler;
  return {
    shouldSample: (...asked) => {
      const [, , , , , links] = asked;
      const follows = links.some(({ context }) => isSampled(context.traceFlags));
      return follows ? { decision: SamplingDecision.RECORD_AND_SAMPLED } : sampler.shouldSample(...asked);
    },
    toString: () => `${sampler.toString()} and what links to a sampled trace`,
  };
}

/** What the environment says of the service goes before what we say. */
function resourceOf({ service, version, pod }: Traced): Resource {
  const own = resourceFromAttributes({
    'service.name': service,
    'service.version': version,
    ...(pod === undefined ? {} : { 'k8s.pod.name': pod }),
  });
  // The later one goes before the earlier.
  return own.merge(detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] }));
}

/** The exporter, and a line in the log when it fails, and when it works again. */
function telling(exporter: SpanExporter, { log: all }: Traced): SpanExporter {
  const log = all.named('tracing');
  let told = Number.NEGATIVE_INFINITY;
  let failing = false;
  const tell = ({ code, error }: ExportResult): void => {
    if (code === ExportResultCode.SUCCESS) {
      if (failing) log.info('spans are sent again');
      failing = false;
      told = Number.NEGATIVE_INFINITY;
      return;
    }
    failing = true;
    if (performance.now() - told < tellEvery) return;
    told = performance.now();
    log.warn('spans could not be sent', { 'error.type': problemOf(error) });
  };
  return {
    export: (spans: ReadableSpan[], done: (result: ExportResult) => void) =>
      exporter.export(spans, (result) => {
        tell(result);
        done(result);
      }),
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
    shutdown: () => exporter.shutdown(),
  };
}

/** A status or the code of a system call: what a receiver answers is not ours to repeat. */
function problemOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (typeof code === 'number') return `status ${code}`;
  return errorFields(error)['error.type'] ?? 'unknown';
}
