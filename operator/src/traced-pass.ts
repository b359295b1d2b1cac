/** A pass as a trace of its own. Only where there is tracing. */
import { errorFields } from '@nauthera/server/log';
import type { Tracing } from '@nauthera/server/tracing';
import { resourceFields } from './resource-fields.ts';
import type { Pass } from './runtime/pass.ts';

/** `reconcile {kind}`; what the pass does is part of it. */
export async function tracedPass<T>(
  tracing: Tracing,
  { kind, key, pass }: { readonly kind: string; readonly key: string; readonly pass: Pass },
  work: () => Promise<T>,
): Promise<T> {
  const span = tracing.begin(`reconcile ${kind}`);
  return span.within(async () => {
    pass.trace = tracing.current();
    try {
      return await work();
    } catch (error) {
      span.fail(errorFields(error)['error.type'] ?? 'unknown');
      throw error;
    } finally {
      const { trace_id: _t, span_id: _s, ...fields } = resourceFields(kind, key, pass);
      span.set(fields);
      span.end();
    }
  });
}
