/** Walks: begun on the start page, taken a step further by the buttons of their own page. */
import type { FastifyInstance } from 'fastify';
import { exchangeCode, prepareAuthorization } from '../flows/authorization.ts';
import { beginWalk } from '../flows/begin.ts';
import { beginDevice, pollDevice } from '../flows/device.ts';
import { prepareLogout } from '../flows/logout.ts';
import { introspect, introspectAs, revokeAccessToken, revokeRefreshToken } from '../flows/token-care.ts';
import { askForMachineToken, askUserinfo, refresh } from '../flows/tokens.ts';
import { walkPage } from '../pages/walk.ts';
import type { Registered, Walk, Walks } from '../walk.ts';
import { callbackPath, signedOutPath } from './paths.ts';
import { formOf, notFound, ownUrl, page, show, walkCookie } from './web.ts';

export interface WalkRoutes {
  readonly walks: Walks;
  readonly clients: readonly Registered[];
  readonly resourceServer: Registered | undefined;
}

export function mountWalks(app: FastifyInstance, routes: WalkRoutes): void {
  const { walks, clients, resourceServer } = routes;
  app.post('/walks', async (request, reply) => {
    const form = formOf(request);
    const wish = (name: string) => form.get(name) ?? '';
    const registered = clients.find((one) => one.key === wish('key'));
    if (registered === undefined) return notFound(reply, 'No such application.');
    const walk = await beginWalk(registered, wish('flow'));
    walks.add(walk);
    if (walk.flow === 'browser') {
      await prepareAuthorization(walk, ownUrl(app, callbackPath), {
        prompt: wish('prompt'),
        responseType: wish('response_type'),
        responseMode: wish('response_mode'),
      });
    } else await (walk.flow === 'device' ? beginDevice : askForMachineToken)(walk);
    reply.header('set-cookie', `${walkCookie(app)}=${walk.id}; HttpOnly; SameSite=Lax; Path=/`);
    return show(walk, reply);
  });

  app.get<{ Params: { id: string } }>('/walks/:id', async (request, reply) => {
    const walk = walks.get(request.params.id);
    if (walk === undefined) return notFound(reply, 'This walk is over.');
    return page(reply, walkPage(walk, { hasResourceServer: resourceServer !== undefined }));
  });

  for (const [name, perform] of Object.entries(actionsOf(app, resourceServer))) {
    app.post<{ Params: { id: string } }>(`/walks/:id/${name}`, async (request, reply) => {
      const walk = walks.get(request.params.id);
      if (walk === undefined) return notFound(reply, 'This walk is over.');
      await perform(walk);
      return show(walk, reply);
    });
  }
}

function actionsOf(
  app: FastifyInstance,
  api: Registered | undefined,
): Readonly<Record<string, (walk: Walk) => Promise<void> | void>> {
  return {
    exchange: exchangeCode,
    machine: askForMachineToken,
    poll: pollDevice,
    userinfo: askUserinfo,
    refresh,
    introspect,
    'introspect-api': (walk) => (api === undefined ? undefined : introspectAs(walk, api)),
    revoke: revokeAccessToken,
    'revoke-refresh': revokeRefreshToken,
    logout: (walk) => prepareLogout(walk, walk.registered.signsOut === true ? ownUrl(app, signedOutPath) : undefined),
  };
}
