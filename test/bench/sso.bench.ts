/** A browser that is signed in already: the silent answer and its exchange. Two requests. */

import { request } from 'undici';
import { cookieScheme } from '../../server/src/http/session-cookie.ts';
import { among, type Bench } from './bench.ts';
import { random, walkRow } from './load.ts';
import { requestPath } from './login-consent.bench.ts';
import { codeOf, exchangeFields } from './peer-walk.ts';
import { People } from './people.ts';
import { basic, clientIdOf, declare, serve } from './stage.ts';
import { postToken } from './walk.ts';

export const sso: Bench = {
  name: 'sso',
  about: 'one silent authorization and its exchange in a live session; people are in memory',
  async prepare(stage, { quick }) {
    const clients = quick ? 20 : 1000;
    const consent = { mode: 'implicit', remember_for: 1, on_refused_scope: 'drop' } as const;
    const declared = await declare(stage, { clients, client: { consent } });
    const people = await People.of(stage, declared.databaseUrl, clients, quick ? 20 : 500);
    const ours = await serve(stage, declared);
    const { names } = cookieScheme(declared.issuer);
    const rows = [
      walkRow({
        name: 'authorize and exchange',
        role: 'ours',
        server: ours,
        async walk() {
          const client = clientIdOf(random(clients));
          const signedIn = people.browsers[random(people.browsers.length)];
          if (signedIn === undefined) throw new Error('nobody is signed in');
          const cookie = `${names.session}=${signedIn.handle}; ${names.browser}=${signedIn.browser}`;
          const answer = await request(`${ours.url}${requestPath(client, { prompt: 'none' })}`, {
            headers: { cookie },
          });
          await answer.body.dump();
          const next = [answer.headers.location ?? []].flat()[0];
          await postToken(
            ours.url,
            basic(client),
            exchangeFields(codeOf({ status: answer.statusCode, body: '', next })),
          );
        },
      }),
    ];
    return { rows, targets: among(rows, []) };
  },
};
