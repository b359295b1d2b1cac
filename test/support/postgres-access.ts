/** Who may come to a Postgres of the tests and how: login rules and TLS. For a server of this machine alone. */
import { chown, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { ServingCertificate } from './certificates.ts';

/** Statements by a superuser, each on its own. */
export async function bySuperuser<R extends pg.QueryResultRow>(
  url: string,
  ...statements: readonly string[]
): Promise<readonly R[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    let rows: readonly R[] = [];
    for (const statement of statements) rows = (await client.query<R>(statement)).rows;
    return rows;
  } finally {
    await client.end();
  }
}

async function place(url: string, name: string, text: string): Promise<void> {
  const [row] = await bySuperuser<{ data_directory: string }>(url, 'SHOW data_directory');
  const folder = row?.data_directory ?? '';
  const { uid, gid } = await stat(folder);
  const path = join(folder, name);
  await writeFile(path, text, { mode: 0o600 });
  await chown(path, uid, gid);
}

/** @param rules lines of pg_hba.conf; everybody else is trusted, as before */
export async function setRules(url: string, rules: readonly string[]): Promise<void> {
  await place(url, 'pg_hba.conf', [...rules, 'host all all all trust', ''].join('\n'));
  await bySuperuser(url, 'SELECT pg_reload_conf()');
}

/** From the next connection on the server speaks TLS to those who ask for it. */
export async function speakTls(url: string, { certificatePem, privateKeyPem }: ServingCertificate): Promise<void> {
  await place(url, 'server.crt', certificatePem);
  await place(url, 'server.key', privateKeyPem);
  await bySuperuser(url, 'ALTER SYSTEM SET ssl = on', 'SELECT pg_reload_conf()');
  for (const deadline = Date.now() + 120_000; ; ) {
    const [row] = await bySuperuser<{ ssl: string }>(url, 'SHOW ssl');
    if (row?.ssl === 'on') return;
    if (Date.now() > deadline) throw new Error('the server does not speak TLS');
  }
}
