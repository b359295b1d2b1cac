/** Documents that everybody may read: built when something changed, otherwise sent as the same bytes. */
import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { NotServing } from '../http/http-error.ts';

export interface Document {
  /** Whatever the content depends on; the document is built anew when one of them is another object. */
  readonly dependsOn: () => readonly unknown[];
  /** `undefined`: not there yet. */
  readonly build: () => object | undefined;
}

interface Built {
  readonly of: readonly unknown[];
  /** As text: with the head it is one piece then, which costs a third less to send than two. */
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly etag: string;
}

/** Seconds for which readers may keep it. */
const maxAge = 300;

export function mountDocument(app: FastifyInstance, paths: readonly string[], document: Document): void {
  let built: Built | undefined;
  const current = (): Built => {
    const of = document.dependsOn();
    if (built?.of.length === of.length && built.of.every((one, index) => one === of[index])) return built;
    const content = document.build();
    if (content === undefined) throw new NotServing('the document is not there yet');
    const body = JSON.stringify(content);
    const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
    built = { of, body, etag, headers: headersWith(etag) };
    return built;
  };
  for (const url of paths) {
    app.route({
      method: ['GET', 'HEAD'],
      url,
      config: { errors: 'json', admission: 'exempt' },
      handler: (request, reply) => {
        const { body, headers, etag } = current();
        reply.headers(headers);
        // Not returned: a reply is a thenable, and would be waited for.
        if (request.headers['if-none-match'] === etag) void reply.code(304).send();
        else void reply.send(body);
      },
    });
  }
}

function headersWith(etag: string): Readonly<Record<string, string>> {
  return {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': `public, max-age=${maxAge}`,
    etag,
    'x-content-type-options': 'nosniff',
  };
}
