import { expect, it } from 'vitest';
import { parseAuthorizationRequest } from '../../../server/src/protocol/authorization-request.ts';
import { ProtocolError, type VerifiedRedirect } from '../../../server/src/protocol/errors.ts';
import { readParameters } from '../../../server/src/protocol/parameters.ts';
import { authorizationResponse } from '../../../server/src/protocol/redirect-uri.ts';
import { responseModes } from '../../../server/src/protocol/terms.ts';
import { aClient } from '../../support/builders.ts';
import { attempts, isMeant, registered, seed } from '../../support/redirect-mutations.ts';
import { authorizePath } from '../../support/world.ts';

const runs = 10_000;

it(`F17, A02: of ${runs} redirect URIs, in every mode and every branch, none is left to that is not registered`, () => {
  const clients = new Map(
    [aClient().everyResponseType(), aClient('shop.code')].map((one) => {
      const client = one.with({ redirect_uris: registered }).build();
      return [client.client_id, client] as const;
    }),
  );
  /** Whom an answer or an error would go to; `null`: a page of ours. */
  const redirectOf = (text: string): VerifiedRedirect | null => {
    try {
      const find = (id: string) => clients.get(id);
      return parseAuthorizationRequest(readParameters(text), find, 'https://id.example.com', () => []).request.redirect;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return error.delivery.by === 'redirect' ? error.delivery.to : null;
    }
  };
  const next = attempts(seed);
  const seen = { here: 0, query: 0, fragment: 0, form_post: 0 };
  for (let run = 0; run < runs; run++) {
    const { uri, asked } = next();
    const told = JSON.stringify({ seed, uri, asked });
    const to = redirectOf(authorizePath({ ...asked, redirect_uri: uri }).split('?')[1] ?? '');
    if (to === null) {
      seen.here += 1;
      continue;
    }
    expect([isMeant(uri), to.uri], told).toEqual([true, uri]);
    const response = authorizationResponse(to, { error: 'access_denied' });
    const target = response.by === 'form' ? response.action : response.uri;
    const divider = { form_post: '', fragment: '#', query: uri.includes('?') ? '&' : '?' }[to.mode];
    expect(target.startsWith(`${uri}${divider}`), told).toBe(true);
    seen[to.mode] += 1;
  }
  // Each outcome was there: what never happens is not tested.
  expect(seen.here).toBeGreaterThan(runs / 2);
  for (const mode of responseModes) expect(seen[mode]).toBeGreaterThan(runs / 50);
});
