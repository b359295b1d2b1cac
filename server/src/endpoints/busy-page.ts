/**
 * The page that a person gets whose request is shed. Under load it must cost next to nothing, so it is rendered once in each
 * language; what is of this request alone is put in its place.
 */
import type { FastifyRequest } from 'fastify';
import type { ServerRegistration } from '../registry/registration.ts';
import { html } from '../views/html.ts';
import { errorPage } from '../views/index.ts';
import { frameOf } from './frame.ts';

const reference = 'nauthera-reference-of-this-request';
const retry = '/nauthera-address-of-this-request';

/** @param server `undefined` until the operator has declared it. */
export function createBusyPage(server: () => ServerRegistration | undefined): (request: FastifyRequest) => string {
  const rendered = new Map<string, string>();
  let declared: ServerRegistration | undefined;
  return (request) => {
    const current = server();
    if (current !== declared) rendered.clear();
    declared = current;
    const { here, ...frame } = frameOf(current, request);
    const key = `${frame.language.tag} ${here === undefined}`;
    let page = rendered.get(key);
    if (page === undefined) {
      const again = here === undefined ? {} : { retry: { href: retry } };
      page = errorPage({ ...frame, ...again, code: 'temporarily_unavailable', reference });
      rendered.set(key, page);
    }
    // By functions: `$` in an address is no pattern. A form is not sent twice by us.
    const address = html`${here}`.toString();
    return page.replaceAll(reference, () => request.id).replace(retry, () => address);
  };
}
