/** F53 for Postgres: a database that answers anything ends its connection, never the process. */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type Database, DatabaseUnavailable } from '../../../server/src/store/database.ts';
import { openPostgres } from '../../../server/src/store/postgres.ts';

const opened: (Server | Database)[] = [];
const sockets = new Set<Socket>();
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  for (const one of opened.splice(0).reverse()) await (one as { close(): unknown }).close();
});

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}
const welcome = Buffer.concat([message('R', Buffer.alloc(4)), message('Z', Buffer.from('I'))]);
/** `SELECT 1` of a column called `a`, and so many rows of it. */
const column = message('T', Buffer.concat([Buffer.from([0, 1]), Buffer.from('a\0'), Buffer.alloc(18)]));
const row = message('D', Buffer.from([0, 1, 0, 0, 0, 1, 0x31]));
const end = Buffer.concat([message('C', Buffer.from('SELECT 1\0')), message('Z', Buffer.from('I'))]);
const answerOf = (rows: number) => Buffer.concat([column, ...Array<Buffer>(rows).fill(row), end]);

/** @param greet what it says first, @param answer to whatever comes then; it hears of each connection that ends */
async function aDatabase(
  greet: Buffer,
  answer: (socket: Socket) => void,
  answers?: { largest: number; together: number },
) {
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.write(greet);
      socket.on('data', () => answer(socket));
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const url = `postgres://u:p@127.0.0.1:${port}/d?sslmode=disable`;
  const database = await openPostgres(url, { max: 1, ...(answers === undefined ? {} : { answers }) });
  opened.push(server, database);
  return database;
}

const ask = (database: Database) => database.run({ name: 'ask', text: 'SELECT 1 AS a' }, []);

describe('F53: a database that answers anything', () => {
  const short = Buffer.from([0x7f, 0xff]);
  it.each([
    ['the authentication', message('R', short), undefined],
    ['the description of rows', welcome, message('T', short)],
    ['a row', welcome, message('D', short)],
    ['a row in the middle of an answer', welcome, Buffer.concat([column, message('D', short), end])],
  ])('ends its own connection alone when %s cannot be read', async (_, greet, answer) => {
    const database = await aDatabase(greet, (socket) => answer !== undefined && socket.write(answer));
    await expect(ask(database)).rejects.toBeInstanceOf(DatabaseUnavailable);
  });

  it('is heard no longer than an answer may be', async () => {
    let sent = 0;
    const chunk = Buffer.alloc(64 * 1024);
    const pour = (socket: Socket) => {
      socket.write(Buffer.from([0x44, 0x7f, 0xff, 0xff, 0xff]));
      const more = () => {
        do sent += chunk.length;
        while (socket.write(chunk) && !socket.destroyed);
        if (!socket.destroyed) socket.once('drain', more);
      };
      more();
    };
    const database = await aDatabase(
      welcome,
      (socket) => (sent === 0 ? socket.write(answerOf(1)) && (sent = 1) : pour(socket)),
      { largest: 1024 * 1024, together: 1024 * 1024 * 1024 },
    );
    await expect(ask(database)).rejects.toThrow('too long');
    expect(sent).toBeLessThan(64 * 1024 * 1024);
  });

  it('counts what a row takes, and each answer for itself', async () => {
    const limits = { largest: 300_000, together: 1024 * 1024 * 1024 };
    const fits = await aDatabase(welcome, (socket) => socket.write(answerOf(1_000)), limits);
    for (let times = 0; times < 4; times += 1) expect((await ask(fits)).rows).toHaveLength(1_000);
    const fitsNot = await aDatabase(welcome, (socket) => socket.write(answerOf(2_000)), limits);
    await expect(ask(fitsNot)).rejects.toBeInstanceOf(DatabaseUnavailable);
  });

  it('cannot use up with many connections what one may not', async () => {
    const limits = { largest: 600_000, together: 900_000 };
    // Rows without an end are being collected until the answer is complete.
    const rows = Buffer.concat([column, ...Array<Buffer>(1_700).fill(row)]);
    let many = false;
    const pouring = (socket: Socket) => socket.write(many ? rows : answerOf(1));
    const databases = await Promise.all([1, 2, 3].map(() => aDatabase(welcome, pouring, limits)));
    for (const database of databases) await ask(database);
    many = true;
    const answers = await Promise.allSettled(databases.map((database) => ask(database)));
    const problems = answers.map((one) => (one.status === 'rejected' ? String(one.reason) : ''));
    expect(problems.filter((problem) => problem.includes('too long'))).not.toHaveLength(0);
    many = false;
    for (const database of databases) expect((await ask(database)).rows).toHaveLength(1);
  });
});
