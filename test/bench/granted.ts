/** Grants with their tokens, made before a load that uses them. */
import { verifier } from '../support/world.ts';
import type { People } from './people.ts';
import { basic, type Running, redirectUri } from './stage.ts';
import { postToken } from './walk.ts';

export interface Granted {
  readonly client: string;
  /** The refresh token that counts now. */
  token: string;
  readonly accessToken: string;
}

/** Codes made at once: they live for a minute. */
const lot = 5000;

export async function grantsOf(people: People, server: Running, count: number): Promise<Granted[]> {
  const granted: Granted[] = [];
  while (granted.length < count) {
    const more = await exchangedOf(people, server, Math.min(lot, count - granted.length));
    if (more.length === 0) throw new Error('no code was made');
    granted.push(...more);
  }
  return granted;
}

/** 32 at once: one after the other they would take a minute. */
async function exchangedOf(people: People, server: Running, count: number): Promise<Granted[]> {
  const codes = await people.codes(count);
  const granted: Granted[] = [];
  const exchangeAll = async (): Promise<void> => {
    for (let one = codes.pop(); one !== undefined; one = codes.pop()) {
      const { client, code } = one;
      const fields = { grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier: verifier };
      const { refresh_token: token, access_token: accessToken } = await postToken(server.url, basic(client), fields);
      granted.push({ client, token: String(token), accessToken: String(accessToken) });
    }
  };
  await Promise.all(Array.from({ length: 32 }, exchangeAll));
  return granted;
}
