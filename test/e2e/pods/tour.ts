/**
 * Each flow of a person once, with two applications of `examples/resources`: the order desk (its Secret below /oauth2) and
 * the television. The directory is the demo's. It says as JSON what came out.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import * as oidc from 'openid-client';
import { type Account, allow, configure, newBrowser, signIn, signOut, visit } from './person.ts';

const ada: Account = { username: 'ada', password: 'ada-loves-engines' };
const alan: Account = { username: 'alan', password: 'alan-breaks-codes' };
const application = {
  redirectUri: 'http://127.0.0.1:9500/callback',
  scope: 'openid profile email groups offline_access orders:read orders:write',
};

async function signsIn(account: Account) {
  const configuration = await configure();
  const visited = await signIn(await visit(configuration, application), account);
  const tokens = await allow(visited, configuration);
  const userinfo = await oidc.fetchUserInfo(configuration, tokens.access_token, tokens.claims()?.sub ?? '');
  const refreshed = await oidc.refreshTokenGrant(configuration, tokens.refresh_token ?? '');
  const page = await signOut(visited.browser, configuration, refreshed.id_token ?? tokens.id_token ?? '');
  return {
    issuer: tokens.claims()?.iss,
    scope: tokens.scope,
    name: userinfo.name,
    refreshed: refreshed.access_token !== tokens.access_token,
    signedOut: page.name,
  };
}

async function watchesTelevision({ username, password }: Account) {
  const configuration = await configure('harbour.television', '');
  const answer = await oidc.initiateDeviceAuthorization(configuration, { scope: 'openid orders:read orders:write' });
  const browser = newBrowser();
  const login = await browser.get(answer.verification_uri_complete ?? '');
  const confirm = await browser.submit(login, { username, password, 'sign-in': '1' });
  const done = await browser.submit(confirm, { decision: 'allow' });
  // The device may not ask more often than it was told.
  await sleep((answer.interval ?? 5) * 1000);
  const tokens = await oidc.pollDeviceAuthorizationGrant(configuration, answer);
  return { page: done.name, scope: decodeJwt(tokens.access_token)['scope'] };
}

console.log(
  JSON.stringify({ ada: await signsIn(ada), alan: await signsIn(alan), television: await watchesTelevision(alan) }),
);
