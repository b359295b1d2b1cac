/** Response headers that protect browsers and caches. */
import type { FastifyReply } from 'fastify';

const policy = (formAction: string, more: string): string =>
  `default-src 'none'; style-src 'self'; img-src 'self'; ${formAction}base-uri 'none'; frame-ancestors 'none'${more}`;

/** Pages: nothing from elsewhere, no script, forms to ourselves alone, in no frame. */
export const pageContentSecurityPolicy = policy("form-action 'self'; ", '');

/**
 * The page that posts a response to an application: its form leads there, and the application may redirect on to any
 * origin, to which browsers would apply `form-action`. Its one script is named by its hash.
 */
export function formPostContentSecurityPolicy(scriptHash: string): string {
  return policy('', `; script-src '${scriptHash}'`);
}

/** The page after a logout loads what applications registered, in frames of exactly their origins. */
export function framingContentSecurityPolicy(origins: readonly string[]): string {
  return policy("form-action 'self'; ", `; frame-src ${origins.join(' ')}`);
}

/** No `Cross-Origin-Opener-Policy`: it breaks applications that sign in through a pop-up. */
const pageHeaders: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': pageContentSecurityPolicy,
  'cache-control': 'no-store',
  pragma: 'no-cache',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

export interface PageHeaderOptions {
  readonly https: boolean;
  /** Default: {@link pageContentSecurityPolicy}. */
  readonly contentSecurityPolicy?: string;
}

/** Headers of every page and of every redirect of a flow. HSTS (one year) on https alone. */
export function setPageHeaders(reply: FastifyReply, options: PageHeaderOptions): FastifyReply {
  reply.headers(pageHeaders);
  if (options.contentSecurityPolicy !== undefined) {
    reply.header('content-security-policy', options.contentSecurityPolicy);
  }
  if (options.https) reply.header('strict-transport-security', 'max-age=31536000');
  return reply;
}

/** RFC 9110 §12.5.3, in the form that browsers send it: anything odd gets what was asked for as it is. */
export function takesGzip(accepted: string | undefined): boolean {
  return accepted?.split(',').some((coding) => coding.trim().toLowerCase() === 'gzip') === true;
}

/** Headers of every JSON answer that holds or refuses a token (RFC 6749 §5.1). */
export const noStore: Readonly<Record<string, string>> = {
  'content-type': 'application/json; charset=utf-8',
  'cache-control': 'no-store',
  pragma: 'no-cache',
  'x-content-type-options': 'nosniff',
};
