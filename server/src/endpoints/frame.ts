/** What surrounds every page: the language, and what the owner of the server put there. */
import type { FastifyRequest } from 'fastify';
import { cookieScheme, pickedLanguage } from '../http/session-cookie.ts';
import { endpointPaths, pathOfIssuer } from '../protocol/endpoints.ts';
import type { ServerRegistration } from '../registry/registration.ts';
import { type Branding, type Frame, negotiateLanguage } from '../views/index.ts';
import { logoPath } from './logos.ts';

/** @param server `undefined` until the operator has declared it. */
export function frameOf(server: ServerRegistration | undefined, request: FastifyRequest): Frame {
  const { headers } = request;
  const acceptLanguage = headers['accept-language'];
  if (server === undefined) {
    return { language: negotiateLanguage({ acceptLanguage }), displayName: 'Nauthera', basePath: '' };
  }
  const basePath = pathOfIssuer(server.issuer);
  return {
    language: negotiateLanguage({
      picked: pickedLanguage(headers.cookie, cookieScheme(server.issuer)),
      acceptLanguage,
    }),
    displayName: server.display_name ?? 'Nauthera',
    basePath,
    here: pageOf(basePath, request),
    branding: brandingOf(basePath, server),
  };
}

/**
 * A page that answers a form, or that was asked for in an odd way, cannot be asked for again; what an application sent to
 * the end-session endpoint, an ID token perhaps, does not become a part of a page.
 */
function pageOf(basePath: string, { method, raw }: FastifyRequest): string | undefined {
  const target = raw.url ?? '';
  const here = `${basePath}${target}`;
  const fromApplication = target.split('?', 1)[0] === endpointPaths.endSession || /[?&]id_token_hint=/.test(target);
  return method === 'GET' && !fromApplication && isOwnPath(basePath, here) ? here : undefined;
}

/** A path of ours with its query, on this origin however a browser reads it, and short enough for a form. */
export function isOwnPath(basePath: string, path: string): boolean {
  return /^\/(?![/\\])[\x21-\x7e]{0,12000}$/.test(path) && path.startsWith(`${basePath}/`) && !path.includes('#');
}

function brandingOf(basePath: string, { branding }: ServerRegistration): Branding | undefined {
  if (branding === undefined) return undefined;
  const { colors, logo, links, texts } = branding;
  return {
    logo: logo === undefined ? undefined : `${basePath}${logoPath(logo)}`,
    colors,
    links,
    texts: texts && {
      usernameLabel: texts.username_label,
      usernameHint: texts.username_hint,
      help: texts.help,
      footer: texts.footer,
    },
  };
}
