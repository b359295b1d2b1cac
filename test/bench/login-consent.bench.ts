/** What a person does once a day: sign-in page, password, consent, and the application's exchange. Five requests. */
import { challenge } from '../support/world.ts';
import { among, type Bench } from './bench.ts';
import { signInAtCeiling, statementsCeiling } from './ceiling-walk.ts';
import { benchRegistration, directoryWithPeople } from './directory-people.ts';
import { random, walkRow } from './load.ts';
import { peer } from './peer.ts';
import { codeOf, exchangeFields, grantedByPeer } from './peer-walk.ts';
import { basic, clientIdOf, declare, redirectUri, serve } from './stage.ts';
import { formOf, type OnAnswer, postToken, Walker } from './walk.ts';

export function requestPath(client: string, more: Readonly<Record<string, string>> = {}): string {
  const parameters = {
    client_id: client,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid profile email',
    state: 'the-state',
    nonce: 'the-nonce',
    code_challenge: challenge,
    code_challenge_method: 'S256',
    ...more,
  };
  return `/authorize?${new URLSearchParams(parameters).toString()}`;
}

/** Every client asks every time: a remembered yes would leave out the page. */
export const alwaysAsking = { mode: 'always', remember_for: 1, on_refused_scope: 'drop' } as const;

export const address = (): string => `10.${random(256)}.${random(256)}.${1 + random(254)}`;

const ceilingRow = 'ceiling: the statements, two signatures';

export async function signInAndConsent(
  origin: string,
  client: string,
  user: number,
  onAnswer?: OnAnswer,
): Promise<void> {
  const walker = new Walker(origin, address(), onAnswer === undefined ? {} : { onAnswer });
  const login = await walker.get(requestPath(client));
  const form = formOf(login.body);
  const credentials = { username: `user-${user}`, password: `password-of-user-${user}`, 'sign-in': '1' };
  const consent = await walker.follow(await walker.post(form.action, { ...form.fields, ...credentials }));
  const asked = formOf(consent.body);
  const done = await walker.follow(await walker.post(asked.action, { ...asked.fields, decision: 'allow' }));
  await postToken(origin, basic(client), exchangeFields(codeOf(done)), onAnswer);
}

export const loginConsent: Bench = {
  name: 'login-consent',
  about: 'one sign-in, consent and code exchange, durably; people are in memory, or in a directory over ldaps',
  async prepare(stage, options) {
    const clients = options.quick ? 20 : 1000;
    const consent = alwaysAsking;
    const declared = await declare(stage, { clients, client: { consent } });
    const ours = await serve(stage, declared);
    const ceiling = await statementsCeiling(stage, declared);
    const rows = [
      walkRow({
        name: 'login, consent, exchange',
        role: 'ours',
        server: ours,
        walk: () => signInAndConsent(ours.url, clientIdOf(random(clients)), random(2000)),
      }),
      walkRow({
        name: ceilingRow,
        role: 'ceiling',
        server: ceiling,
        walk: () => signInAtCeiling(ceiling, clientIdOf(random(clients)), `user-${random(2000)}`, address()),
      }),
    ];
    const people = options.quick ? 20 : 2000;
    const directory = benchRegistration(await directoryWithPeople(stage, people));
    const live = await serve(stage, await declare(stage, { clients, client: { consent }, directory }), 'live');
    rows.push(
      walkRow({
        name: 'login, consent, exchange, live ldaps',
        role: 'ours',
        server: live,
        // Once through, nobody waits for one of the few search connections, however slow the machine is.
        users: options.quick ? 4 : 16,
        walk: () => signInAndConsent(live.url, clientIdOf(random(clients)), random(people)),
      }),
    );
    if (options.peer) {
      const other = await peer(stage, { clients, format: 'jwt' });
      const walk = async () => void (await grantedByPeer(other.url, random(2000), clients));
      rows.push(walkRow({ name: 'peer, in memory', role: 'peer', server: other, walk }));
    }
    return {
      rows,
      targets: among(rows, [
        { row: 'login, consent, exchange', of: ceilingRow, atLeast: 0.8, gate: 0.5 },
        { row: 'login, consent, exchange', of: 'peer, in memory', ceiling: ceilingRow, atLeast: 2.4, gate: 1.5 },
        {
          row: 'login, consent, exchange, live ldaps',
          of: 'peer, in memory',
          ceiling: ceilingRow,
          atLeast: 1.5,
          gate: 1,
        },
        { row: 'login, consent, exchange, live ldaps', of: '600/s', perSecond: 600, atLeast: 1, gate: 0.6 },
      ]),
    };
  },
};
