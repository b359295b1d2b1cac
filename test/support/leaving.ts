/** A shop whose people leave: a sweep that runs when a test says so, and what is left of somebody after it. */
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { recheckStore } from '../../server/src/store/rechecks.ts';
import { memoryDirectoryId, type Person } from './memory-directory.ts';
import { startPostgres, type TestPostgres } from './postgres.ts';
import { makeDue, openSweeping, type Sweeping } from './sweeping.ts';
import { aDirectory, authorize, codeFields, refreshFields, type TokenAnswer, World, webApp } from './world.ts';

export const mailRule = { consent_rules: [{ name: 'mail for mailers', scopes: ['email'], groups: ['mailers'] }] };
export const offline = { scope: 'openid email offline_access' };

/** There once {@link useLeaving} has been called and its hook has run; one for each test file. */
export let leaving: Leaving;

/** Opens the shop before the tests of the file, leaves nothing of one test to the next, and stops it after them. */
export function useLeaving(): void {
  beforeAll(async () => {
    leaving = await Leaving.open();
  });
  afterAll(() => leaving?.stop());
  beforeEach(() => leaving.begin());
  afterEach(() => leaving.clear());
}

class Leaving {
  readonly world: World;
  readonly sweeping: Sweeping;
  readonly #postgres: TestPostgres;
  #turn = 0;

  private constructor(postgres: TestPostgres, world: World, sweeping: Sweeping) {
    this.#postgres = postgres;
    this.world = world;
    this.sweeping = sweeping;
  }

  static async open(): Promise<Leaving> {
    const postgres = await startPostgres('newest');
    const world = await World.open({
      databaseUrl: await postgres.createDatabase(),
      clients: [
        webApp('shop.web', { backchannel_logout_uri: 'https://shop.example.com/logout' }),
        webApp('shop.staff', { access_groups: ['staff'] }),
      ],
      directories: { [memoryDirectoryId]: aDirectory(mailRule) },
    });
    const leaving = new Leaving(postgres, world, await openSweeping(world));
    // Its start left words in the audit.
    await leaving.clear();
    return leaving;
  }

  async stop(): Promise<void> {
    await this.sweeping.stop();
    await this.world.stop();
    await this.#postgres.stop();
  }

  /** Before each case: a directory in good health, and nothing counted yet. */
  begin(): void {
    const { memory } = this.world;
    memory.down = false;
    memory.groupsHidden = false;
    memory.poisoned.clear();
    this.sweeping.statements.splice(0);
    this.sweeping.audited.splice(0);
  }

  /** After each, which has people of its own: they are signed out, and nothing is known of anybody. */
  async clear(): Promise<void> {
    await this.world.rows(
      'TRUNCATE sessions, grants, recheck_rounds, recheck_buckets, logout_deliveries, audit, login_attempts',
    );
  }

  newPeople(count: number): string[] {
    return Array.from({ length: count }, () => {
      this.#turn += 1;
      this.world.memory.add(`person${this.#turn}`, { groups: ['mailers', 'staff'] });
      return `person${this.#turn}`;
    });
  }

  newPerson(): string {
    return this.newPeople(1)[0] ?? '';
  }

  personCalled(name: string): Person {
    const person = this.world.memory.people.get(name);
    if (person === undefined) throw new Error(`nobody is called ${name}`);
    return person;
  }

  async granted(username: string, change: Readonly<Record<string, string>> = {}): Promise<TokenAnswer['body']> {
    const { code } = await authorize(this.world.browser(), change, username);
    return (await this.world.token(codeFields(code), change.client_id)).body;
  }

  refresh(token: string | undefined, clientId?: string): Promise<TokenAnswer> {
    return this.world.token(refreshFields(token), clientId);
  }

  /** Those of them who are. */
  async signedIn(...names: string[]): Promise<string[]> {
    const rows = await this.world.rows<{ username: string }>(
      `SELECT DISTINCT username FROM sessions WHERE ended_at IS NULL AND username = ANY($1)`,
      [names],
    );
    return rows.map(({ username }) => username).toSorted();
  }

  async makeDueNow(): Promise<void> {
    await recheckStore(this.world.database).ensure(memoryDirectoryId, undefined);
    await makeDue(this.world);
  }

  async finishRound(): Promise<void> {
    for (let steps = 0; steps < 100; steps += 1) if ((await this.sweeping.step())?.state === 'done') return;
    throw new Error('the round does not end');
  }
}
