/**
 * How a response leaves for the application. `atOnce` where no form of ours stands before it: a redirect, or the page that
 * posts it. `afterForm` where one may: browsers apply `form-action` to the whole chain of redirects behind a form, so a page
 * of ours goes on.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { DeliverResponse } from '../http/error-reply.ts';
import { formPostContentSecurityPolicy, setPageHeaders } from '../http/headers.ts';
import type { AuthorizationResponse } from '../protocol/redirect-uri.ts';
import type { ServerRegistration } from '../registry/registration.ts';
import { continuePage, type Frame, formPostPage, formPostScriptHash } from '../views/index.ts';
import { frameOf } from './frame.ts';
import { frameOnce, leave, longText, sendCompressed, sendPage, type Visit } from './visit.ts';

export function respondAtOnce(visit: Visit, clientName: string, response: AuthorizationResponse): FastifyReply {
  if (response.by === 'uri') return leave(visit, response.uri);
  return sendFormPost(visit.reply, visit.frame, clientName, response, isHttps(visit.server));
}

/**
 * @param way a path of ours that leads to the same response: a long one stands in the page once, and its link leads there.
 *   Left out: nothing was stored, so the response is an error, and holds nothing but what the request brought.
 */
export function respondAfterForm(
  visit: Visit,
  clientName: string,
  response: AuthorizationResponse,
  way?: string,
): FastifyReply {
  if (response.by === 'form') return respondAtOnce(visit, clientName, response);
  const { uri } = response;
  const link = uri.length > longText ? way : undefined;
  const html = continuePage({ ...frameOnce(visit), client: { name: clientName }, continueTo: uri, link });
  return uri.length > longText && way === undefined ? sendCompressed(visit, html) : sendPage(visit, html);
}

/** Behind the link of a page of ours. A response too long for header buffers of proxies cannot go in `Location` either. */
export function respondToReader(visit: Visit, clientName: string, response: AuthorizationResponse): FastifyReply {
  if (response.by === 'form' || response.uri.length <= longText) return respondAtOnce(visit, clientName, response);
  const client = { name: clientName };
  return sendPage(visit, continuePage({ ...visit.frame, client, continueTo: response.uri, stays: true }));
}

/** For errors that no page has caught: their requests came without a form of ours. */
export function createDelivery(server: () => ServerRegistration | undefined): DeliverResponse {
  return (response, request: FastifyRequest, reply) => {
    const declared = server();
    const https = declared === undefined || isHttps(declared);
    if (response.by === 'uri') {
      void setPageHeaders(reply, { https }).code(303).header('location', response.uri).send('');
    } else {
      const frame = frameOf(declared, request);
      void sendFormPost(reply, frame, frame.displayName, response, https);
    }
  };
}

const contentSecurityPolicy = formPostContentSecurityPolicy(formPostScriptHash);

function sendFormPost(
  reply: FastifyReply,
  frame: Frame,
  clientName: string,
  { action, fields }: Extract<AuthorizationResponse, { readonly by: 'form' }>,
  https: boolean,
): FastifyReply {
  setPageHeaders(reply, { https, contentSecurityPolicy });
  return reply.code(200).send(formPostPage({ ...frame, client: { name: clientName }, action, fields }));
}

function isHttps({ issuer }: Pick<ServerRegistration, 'issuer'>): boolean {
  return issuer.startsWith('https:');
}
