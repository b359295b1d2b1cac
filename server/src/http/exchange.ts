/** What is known and to be done about one request and its answer, asked and listened for once. */
import type { ServerResponse } from 'node:http';
import type { FastifyRequest } from 'fastify';

type Ending = (response: ServerResponse) => void;

const endings = Symbol('endings');
const route = Symbol('route');

declare module 'node:http' {
  interface ServerResponse {
    [endings]?: Ending[] | undefined;
  }
  interface IncomingMessage {
    [route]?: Route;
  }
}

/** Runs once it is over, whatever became of the answer: `finish` does not come when the client has gone, `close` does. */
export function atEnd(response: ServerResponse, ending: Ending): void {
  const known = response[endings];
  if (known !== undefined) {
    known.push(ending);
    return;
  }
  response[endings] = [ending];
  response.on('close', end);
}

function end(this: ServerResponse): void {
  const all = this[endings] ?? [];
  this[endings] = undefined;
  for (const ending of all) ending(this);
}

export type Route = Pick<FastifyRequest['routeOptions'], 'url' | 'config'>;

/** The route that it came to; without a `url`, none. The framework makes an object of twelve members whenever it is asked. */
export function routeOf(request: FastifyRequest): Route {
  const { raw } = request;
  raw[route] ??= request.routeOptions;
  return raw[route];
}
