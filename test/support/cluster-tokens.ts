/** Asking a server for tokens as an application does, once or all the time. */
import { setTimeout as sleep } from 'node:timers/promises';

export type Credentials = Readonly<Record<string, string>>;

/**
 * `200`, or the error: `401 invalid_client`; `no answer`. It says that it came through a proxy, which is not trusted: whoever
 * asks until a secret counts, or does not, may be refused 20 times as often.
 */
export function askForToken(url: string, credentials: Credentials): Promise<string> {
  return ask(url, credentials, { 'x-forwarded-for': '203.0.113.7' });
}

async function ask(url: string, credentials: Credentials, more: Readonly<Record<string, string>>): Promise<string> {
  const basic = Buffer.from(`${credentials['client-id']}:${credentials['client-secret']}`).toString('base64');
  try {
    const response = await fetch(`${url}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${basic}`, ...more },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    });
    if (response.ok) return '200';
    const { error } = (await response.json()) as { error?: string };
    return `${response.status} ${error}`;
  } catch {
    return 'no answer';
  }
}

export interface Asking {
  readonly asked: number;
  /** What was answered instead of a token. */
  readonly refusals: readonly string[];
  stop(): Promise<void>;
}

/** Asks again and again until it is stopped, from its own address: so often that a proxy would be told of in the status. */
export function keepAsking(url: string, credentials: Credentials, pause = 50): Asking {
  const found = { asked: 0, refusals: [] as string[] };
  let stopped = false;
  const asking = (async () => {
    while (!stopped) {
      const answer = await ask(url, credentials, {});
      found.asked += 1;
      if (answer !== '200') found.refusals.push(answer);
      await sleep(pause);
    }
  })();
  return Object.assign(found, {
    stop: async () => {
      stopped = true;
      await asking;
    },
  });
}
