/** The same steps as a person's, at `ceilings/statements.ts`. */
import type { Signed } from './people.ts';
import { type Declared, type Running, redirectUri, type Stage } from './stage.ts';
import { type Fields, postText, Walker } from './walk.ts';

export function statementsCeiling(stage: Stage, { databaseUrl }: Pick<Declared, 'databaseUrl'>): Promise<Running> {
  return stage.program(new URL('ceilings/statements.ts', import.meta.url).pathname, {
    DATABASE_URL: databaseUrl,
    REDIRECT_URI: redirectUri,
  });
}

/** Of the person's browser that is signed in: a code without a page, and its exchange. */
export async function silentAtCeiling({ url }: Running, client: string, { handle, browser }: Signed): Promise<void> {
  const { code } = await postText(url, '/silent', [client, handle, browser]);
  await postText(url, '/redeem', [client, String(code)]);
}

/** Signs in, consents and exchanges: five requests. */
export async function signInAtCeiling({ url }: Running, client: string, user: string, address: string): Promise<void> {
  await new Walker(url, address).get('/page');
  const { handle, browser, grantId }: Fields = await postText(url, '/sign-in', [client, user, address]);
  const cookies = [client, String(handle), String(browser)];
  await postText(url, '/asks', [...cookies, String(grantId)]);
  const { code } = await postText(url, '/consents', cookies);
  await postText(url, '/redeem', [client, String(code)]);
}
