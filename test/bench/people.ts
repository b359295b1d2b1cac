/** Sessions and codes, written past the pages: what an exchange uses up is prepared outside the timed part. */

import type { DirectoryUser } from '../../server/src/directory/directory.ts';
import { accessTokenStore } from '../../server/src/store/access-tokens.ts';
import { authorizationCodeStore } from '../../server/src/store/authorization-codes.ts';
import type { Database } from '../../server/src/store/database.ts';
import { openDatabase } from '../../server/src/store/open.ts';
import { sessionStore } from '../../server/src/store/sessions.ts';
import { uuidV7 } from '../../server/src/telemetry/audit-log.ts';
import { newHandle, newId } from '../../server/src/tokens/handle.ts';
import { MemoryDirectory, memoryDirectoryId } from '../support/memory-directory.ts';
import { challenge } from '../support/world.ts';
import { random } from './load.ts';
import { clientIdOf, redirectUri, type Stage } from './stage.ts';

export interface PreparedCode {
  readonly client: string;
  readonly code: string;
}

export interface SignedInBrowser {
  readonly subject: string;
  readonly handle: string;
  readonly browser: string;
}

export interface Signed extends SignedInBrowser {
  readonly id: string;
  readonly username: string;
  readonly entryId: string;
}

/** What a directory says of one of the people of the benches. */
export type Who = (username: string) => Promise<DirectoryUser>;

/** The people of `servers/ours.ts`. */
export const inMemory: Who = async (username) => {
  const directory = new MemoryDirectory();
  directory.add(username);
  const found = await directory.lookup({ entryId: `entry-${username}` });
  if (found === null) throw new Error(`no ${username}`);
  return found;
};

/** The sign-in of this person in a new browser. */
export function signInOf({ directory, subject, entryId, username, name, claims }: DirectoryUser) {
  return {
    handle: newHandle(),
    browser: newHandle(),
    session: { id: newId(), subject, directory, entryId, username, name, claims },
    renews: false,
    ends: undefined,
    idle: 7200,
    absolute: 43_200,
    throttleKey: username,
    audit: [],
  } as const;
}

/** A new code of that session for that client. */
export function codeOfSession(client: string, { id, subject, entryId, username }: Omit<Signed, 'handle' | 'browser'>) {
  return {
    code: newHandle(),
    grantId: newId(),
    outcome: 'issued',
    clientId: client,
    clientUid: `uid-of-${client}`,
    redirectUri,
    challenge,
    scopes: ['openid', 'profile', 'email'],
    offline: false,
    sessionId: id,
    subject,
    directory: memoryDirectoryId,
    entryId,
    username,
    claims: { name: username },
    authTime: Math.floor(Date.now() / 1000),
    lifetime: 60,
    keep: 7_776_000,
  } as const;
}

/** Writes as the server would. */
export class People {
  readonly #database: Database;
  readonly #clients: number;
  readonly #users: number;
  readonly #sessions: Signed[] = [];

  private constructor(database: Database, clients: number, users: number) {
    this.#database = database;
    this.#clients = clients;
    this.#users = users;
  }

  static async of(
    stage: Stage,
    databaseUrl: string,
    clients: number,
    users: number,
    who: Who = inMemory,
  ): Promise<People> {
    const people = new People(await openDatabase(databaseUrl), clients, users);
    stage.atEnd(() => people.#database.close());
    await people.#signIn(who);
    return people;
  }

  async #signIn(who: Who): Promise<void> {
    const store = sessionStore(this.#database);
    for (let index = 0; index < this.#users; index++) {
      const signIn = signInOf(await who(`user-${index}`));
      await store.signIn(signIn);
      const { id, subject, username, entryId } = signIn.session;
      this.#sessions.push({ id, subject, username, entryId, handle: signIn.handle, browser: signIn.browser });
    }
  }

  get browsers(): readonly Signed[] {
    return this.#sessions;
  }

  async codes(count: number): Promise<PreparedCode[]> {
    const store = authorizationCodeStore(this.#database);
    const made: PreparedCode[] = [];
    const one = async (): Promise<void> => {
      const client = clientIdOf(random(this.#clients));
      const session = this.#sessions[random(this.#sessions.length)];
      if (session === undefined) throw new Error('nobody is signed in');
      const code = codeOfSession(client, session);
      const audit = [{ id: uuidV7(), event: 'code.issued', outcome: 'success' }] as const;
      const completion = await store.complete({ code, audit }, 'soft');
      if (completion === 'written') made.push({ client, code: code.code });
    };
    for (let left = count; left > 0; left -= 32) await Promise.all(Array.from({ length: Math.min(32, left) }, one));
    return made;
  }

  /** Opaque access tokens of the grants that there are. */
  async accessTokens(count: number): Promise<string[]> {
    const store = accessTokenStore(this.#database);
    const { rows: grants } = await this.#database.run<{ id: string; client_id: string; client_uid: string }>(
      { name: 'bench_grants', text: 'SELECT id, client_id, client_uid FROM grants' },
      [],
    );
    const tokens: string[] = [];
    const one = async (): Promise<void> => {
      const grant = grants[random(grants.length)];
      if (grant === undefined) throw new Error('nobody granted anything');
      const { id: grantId, client_id: clientId, client_uid: clientUid } = grant;
      const token = newHandle();
      const scopes = ['openid', 'profile', 'email'];
      await store.insert({
        token,
        id: newId(),
        clientId,
        clientUid,
        grantId,
        scopes,
        audiences: [clientId],
        lifetime: 3600,
      });
      tokens.push(token);
    };
    for (let left = count; left > 0; left -= 512) await Promise.all(Array.from({ length: Math.min(512, left) }, one));
    return tokens;
  }
}
