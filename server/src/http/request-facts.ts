/** What became known of a request, for its line in the log. */
import type { FastifyRequest } from 'fastify';
import type { LogFields } from '../telemetry/log.ts';

export type RequestFacts = Pick<LogFields, 'nauthera.client.id' | 'nauthera.grant_type' | 'trace_id' | 'span_id'>;

const facts = new WeakMap<FastifyRequest, RequestFacts>();

/** Only what was proved: never what a stranger calls himself. */
export function noteFacts(request: FastifyRequest, known: RequestFacts): void {
  facts.set(request, { ...facts.get(request), ...known });
}

export function factsOf(request: FastifyRequest): RequestFacts | undefined {
  return facts.get(request);
}
