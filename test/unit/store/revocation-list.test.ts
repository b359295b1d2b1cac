import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Stop } from '../../../server/src/store/database.ts';
import { createRevocationList, type RevocableToken } from '../../../server/src/store/revocation-list.ts';
import type { Revocation, RevocationStore } from '../../../server/src/store/revocations.ts';

const now = Math.floor(Date.now() / 1000);
const token: RevocableToken = {
  tokenId: 'jti',
  subject: 'u_ada',
  clientId: 'shop.web',
  grantId: 'g',
  sessionId: 's',
  issuedAt: now,
};
const revocation = (kind: Revocation['kind'], value: string, more: Partial<Revocation> = {}): Revocation => ({
  kind,
  value,
  revokedAt: now,
  expiresAt: now + 3600,
  ...more,
});

/** A table in memory that counts how it is asked, and can be down. */
class Table implements RevocationStore {
  rows: Revocation[] = [];
  /** Too old for `recent`. */
  older: Revocation[] = [];
  down = false;
  polls = 0;
  questions = 0;
  all = () => this.#poll([...this.rows, ...this.older]);
  recent = () => this.#poll(this.rows);
  #poll(rows: readonly Revocation[]): Promise<readonly Revocation[]> {
    this.polls += 1;
    return this.down ? Promise.reject(new Error('down')) : Promise.resolve(rows);
  }
  among(names: readonly { kind: string; value: string }[]): Promise<readonly Revocation[]> {
    this.questions += 1;
    if (this.down) return Promise.reject(new Error('down'));
    const asked = new Set(names.map(({ kind, value }) => `${kind} ${value}`));
    return Promise.resolve(this.rows.filter(({ kind, value }) => asked.has(`${kind} ${value}`)));
  }
}

let table: Table;
let time = 0;
let stop: Stop;
let list: ReturnType<typeof createRevocationList>;
const errors: unknown[] = [];
const open = async (rows: Revocation[] = []) => {
  table.rows = rows;
  stop = list.start();
  await expect.poll(() => table.polls).toBeGreaterThan(0);
  await Promise.resolve();
};
beforeEach(() => {
  table = new Table();
  time = 0;
  errors.length = 0;
  list = createRevocationList({ store: table, monotonic: () => time, onError: (error) => errors.push(error) });
});
afterEach(() => stop());

describe('I10: the list of revocations', () => {
  it.each([
    [revocation('token', 'jti'), true],
    [revocation('grant', 'g'), true],
    [revocation('session', 's'), true],
    [revocation('subject', 'u_ada'), true],
    [revocation('client', 'shop.web'), true],
    [revocation('grant', 'another'), false],
    [revocation('session', 'g'), false],
    [revocation('subject', 'u_ada', { revokedAt: now - 1 }), false],
    [revocation('client', 'shop.web', { revokedAt: now - 1 }), false],
    [revocation('grant', 'g', { revokedAt: now - 1 }), true],
  ])('%j: %s', async (row, revoked) => {
    await open([row]);
    expect(await list.isRevoked(token)).toBe(revoked);
    expect(table.questions).toBe(0);
  });

  it('a token without grant and session is asked about by what it has', async () => {
    await open([revocation('client', 'shop.web')]);
    expect(await list.isRevoked({ ...token, grantId: undefined, sessionId: undefined })).toBe(true);
  });

  it('a new row is seen with the next poll, without a question', async () => {
    await open();
    expect(await list.isRevoked(token)).toBe(false);
    table.rows = [revocation('grant', 'g')];
    await expect.poll(() => list.isRevoked(token)).toBe(true);
    expect(table.questions).toBe(0);
  });

  it('a row that became visible too late for the polls is found within ten seconds', async () => {
    await open();
    table.older = [revocation('grant', 'g')];
    const revoked: unknown[] = [];
    for (const at of [4000, 8000, 12_000]) {
      time = at;
      const { polls } = table;
      await expect.poll(() => table.polls, { timeout: 5000 }).toBeGreaterThan(polls);
      revoked.push(await list.isRevoked(token));
    }
    expect(revoked).toEqual([false, false, true]);
    expect(table.questions).toBe(0);
  });

  it('older than a second it is not believed: the database is asked', async () => {
    await open();
    time = 1001;
    table.rows = [revocation('grant', 'g')];
    expect(await list.isRevoked(token)).toBe(true);
    expect(table.questions).toBe(1);
  });

  it('a database that is away makes the answer an error, never a yes', async () => {
    await open();
    table.down = true;
    time = 1001;
    await expect(list.isRevoked(token)).rejects.toThrow('down');
    await expect.poll(() => errors.length).toBeGreaterThan(0);
    table.down = false;
    await expect.poll(() => table.polls).toBeGreaterThan(1);
  });

  it('after an outage everything is read: what was revoked meanwhile may be older than the last seconds', async () => {
    await open();
    table.down = true;
    time = 20_000;
    await expect.poll(() => errors.length).toBeGreaterThan(0);
    table.older = [revocation('grant', 'g')];
    table.down = false;
    const { questions, polls } = table;
    await expect.poll(() => table.polls).toBeGreaterThan(polls);
    await Promise.resolve();
    expect(await list.isRevoked(token)).toBe(true);
    expect(table.questions).toBe(questions);
  });

  it('stopped, it asks no more', async () => {
    await open();
    await stop();
    const { polls } = table;
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(table.polls).toBe(polls);
  });
});
