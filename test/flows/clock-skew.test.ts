/** A replica whose clock is wrong signs nothing, and decides nothing: what is stored expires by the database's clock. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningServer, start } from '../../server/src/app.ts';
import { epochSeconds } from '../../server/src/protocol/time.ts';
import { aClient } from '../support/builders.ts';
import {
  authorize,
  authorizePath,
  codeFields,
  keyEncryptionKey,
  refreshFields,
  World,
  webApp,
} from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await World.open({ clients: [webApp(), aClient('shop.job').machine('secret-of-shop.job').build()] });
});
afterAll(() => world.stop());

const local = { host: '127.0.0.1', port: 0 };
async function skewed(offset: number, use: (server: RunningServer) => Promise<void>): Promise<void> {
  const clock = { now: () => epochSeconds(Math.floor(Date.now() / 1000) + offset) };
  const server = await start({
    database: world.database,
    listen: local,
    management: local,
    keyEncryptionKeys: [keyEncryptionKey],
    clock,
    // A busy machine is not what this is about.
    pressure: { maxDelay: Number.POSITIVE_INFINITY },
    seams: { directory: world.memory },
  });
  try {
    await use(server);
  } finally {
    await server.stop();
  }
}
const readiness = async ({ managementUrl }: RunningServer) => {
  const response = await fetch(`${managementUrl}/readyz`);
  return `${response.status} ${await response.text()}`;
};

describe('F46: a clock that is wrong', () => {
  it.each([30, -30, 3600, -3600])('by %i s: unready, and nothing is issued', async (offset) => {
    await skewed(offset, async (server) => {
      await expect.poll(() => readiness(server)).toMatch(/^503 [^]*clock/);
      const before = world.urls;
      world.urls = [server.url];
      try {
        for (const fields of [{ grant_type: 'client_credentials' }, codeFields('x'.repeat(43)), refreshFields('x')]) {
          const { status, headers, body } = await world.token(
            fields,
            fields.grant_type === 'client_credentials' ? 'shop.job' : 'shop.web',
          );
          expect([status, headers.get('retry-after') !== null, body.access_token]).toEqual([503, true, undefined]);
        }
        expect((await world.browser().get(authorizePath())).status).toBe(503);
        for (const path of ['/device_authorization', '/introspect', '/revoke', '/userinfo', '/device', '/logout']) {
          const response = await fetch(`${server.url}${path}`, {
            method: 'POST',
            body: new URLSearchParams({ x: '1' }),
          });
          expect([path, response.status, response.headers.get('retry-after') !== null]).toEqual([path, 503, true]);
        }
        expect((await fetch(`${server.url}/jwks`)).status).toBe(200);
      } finally {
        world.urls = before;
      }
    });
  });

  it('by 4 s: ready, and a code, a token and a session live as long as the database says', async () => {
    await skewed(-4, async (server) => {
      await server.ready();
      const before = world.urls;
      world.urls = [server.url];
      try {
        const browser = world.browser();
        const { code } = await authorize(browser, { scope: 'openid offline_access' });
        const [life] = await world.rows<{ code: number }>(
          `SELECT extract(epoch FROM expires_at - created_at)::int AS code FROM authorization_codes WHERE used_at IS NULL`,
        );
        expect(life?.code).toBe(60);
        const { body } = await world.token(codeFields(code));
        expect((await world.token(refreshFields(body.refresh_token))).status).toBe(200);
      } finally {
        world.urls = before;
      }
    });
  });
});
