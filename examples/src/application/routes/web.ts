/** What every route needs: its own address, forms, cookies, pages. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { problemPage } from '../pages/layout.ts';
import type { Walk } from '../walk.ts';

export const host = '127.0.0.1';

/** As the Host header of a request that was meant for this server names it. */
export function ownHost(app: FastifyInstance): string {
  const address = app.server.address();
  return `${host}:${typeof address === 'object' && address !== null ? address.port : 0}`;
}

/** `http://127.0.0.1:port` and the path. */
export function ownUrl(app: FastifyInstance, path = ''): string {
  return `http://${ownHost(app)}${path}`;
}

export function page(reply: FastifyReply, markup: string): FastifyReply {
  return reply.type('text/html; charset=utf-8').send(markup);
}

/** To the newest step of a walk. */
export function show(walk: Walk, reply: FastifyReply): FastifyReply {
  return reply.redirect(`/walks/${walk.id}#latest`, 303);
}

export function notFound(reply: FastifyReply, text: string): FastifyReply {
  return page(reply.code(404), problemPage('Nothing here', text));
}

export function formOf(request: FastifyRequest): URLSearchParams {
  return request.body instanceof URLSearchParams ? request.body : new URLSearchParams();
}

export function queryOf(request: FastifyRequest): URLSearchParams {
  return new URL(request.url, `http://${host}`).searchParams;
}

export function cookieOf(request: FastifyRequest, cookie: string): string | undefined {
  const pairs = (request.headers.cookie ?? '').split('; ').map((pair) => pair.split('='));
  return pairs.find(([name]) => name === cookie)?.[1];
}

/** Cookies know no port: two of these applications must not take each other's. */
export function walkCookie(app: FastifyInstance): string {
  return `sample_walk_${ownHost(app).replace(/.*:/, '')}`;
}
