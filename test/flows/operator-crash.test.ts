import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { aClientFile, aScopeFile, aServerFile, type ShownResource, until } from '../support/product.ts';

let postgres: TestPostgres | undefined;
let base = '';
beforeAll(async () => {
  postgres = await startPostgres('newest');
  base = await mkdtemp(join(tmpdir(), 'nauthera-crash-'));
});
afterAll(async () => {
  await postgres?.stop();
  await rm(base, { recursive: true, force: true });
});

const running = new Set<Run>();
afterAll(() => {
  for (const run of running) run.kill();
});

const program = new URL('../support/product-process.ts', import.meta.url).pathname;

interface Site {
  readonly resources: string;
  readonly databaseUrl: string;
}

async function aSite(): Promise<Site> {
  const resources = await mkdtemp(join(base, 'site-'));
  const databaseUrl = await postgres?.createDatabase();
  if (databaseUrl === undefined) throw new Error('Postgres did not start');
  return { resources, databaseUrl };
}

const put = async ({ resources }: Site, file: string, text: string) => {
  await mkdir(resources, { recursive: true });
  await writeFile(join(resources, file), text);
};

/** Runs the product on a site. Ends by itself when it kills itself after so many writes. */
class Run {
  readonly #child: ChildProcess;
  readonly ended: Promise<NodeJS.Signals | null>;
  #management = '';
  #writes: number | undefined;
  #seen = 'nothing was seen';

  constructor({ resources, databaseUrl }: Site, killAfter?: number) {
    const more = killAfter === undefined ? [] : [String(killAfter)];
    this.#child = spawn(process.execPath, [program, resources, databaseUrl, ...more], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    running.add(this);
    this.ended = new Promise((resolve) =>
      // Not before what it wrote last was read.
      this.#child.once('close', (_, signal) => {
        running.delete(this);
        resolve(signal);
      }),
    );
    if (this.#child.stdout !== null)
      createInterface(this.#child.stdout).on('line', (line) => {
        if (line.startsWith('writes ')) this.#writes = Number(line.slice('writes '.length));
        else this.#management = line;
      });
  }

  /** Everything that can be ready is, or the process has ended. */
  async settled(expected: number): Promise<void> {
    let isOver = false;
    void this.ended.then(() => {
      isOver = true;
    });
    await until(
      () => `settled, but ${this.#seen}`,
      async () => isOver || (await this.#isSettled(expected)),
    );
  }

  async #isSettled(expected: number): Promise<boolean> {
    if (this.#management === '') return false;
    const answer = await fetch(`${this.#management}/status`).catch(() => undefined);
    if (answer === undefined) return false;
    const { resources } = (await answer.json()) as { resources: readonly ShownResource[] };
    const reason = ({ kind, status: { conditions } }: ShownResource) =>
      conditions.find(({ type }) => type === (kind === 'LdapBinding' ? 'Programmed' : 'Ready'))?.reason;
    this.#seen = resources.map((one) => `${one.kind} ${one.metadata.name} ${reason(one)}`).join(', ');
    return (
      resources.length === expected && resources.every((one) => ['Ready', 'Programmed'].includes(reason(one) ?? ''))
    );
  }

  /** How many writes it made. */
  async stop(): Promise<number> {
    this.#child.kill('SIGTERM');
    await this.ended;
    return this.#writes ?? 0;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

interface Found {
  readonly registry: readonly Record<string, unknown>[];
  readonly identities: readonly Record<string, unknown>[];
  readonly secrets: readonly string[];
}

/** What is there, with what differs from run to run put by names: uids by resource, digests by the Secret that has them. */
async function stateOf({ resources, databaseUrl }: Site): Promise<Found> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  const { rows: registry } = await client.query<Record<string, unknown>>(
    'SELECT kind, id, source, namespace, name, uid, withdrawn, body FROM registry ORDER BY kind, id',
  );
  const { rows: identities } = await client.query<Record<string, unknown>>(
    "SELECT kind, namespace, name, uid, generation, accepted->'deleting' AS deleting FROM registry_identities ORDER BY kind, namespace, name",
  );
  await client.end();
  const names = new Map(
    identities.map(({ uid, kind, namespace, name }) => [
      String(uid),
      `uid of ${String(kind)} ${String(namespace)}/${String(name)}`,
    ]),
  );
  const secrets: string[] = [];
  for (const file of await readdir(join(resources, '.secrets/shop')).catch(() => [])) {
    const secret = parse(await readFile(join(resources, '.secrets/shop', file), 'utf8')) as {
      metadata: { ownerReferences: { uid: string }[] };
      stringData: Record<string, string>;
    };
    names.set(
      createHash('sha256')
        .update(secret.stringData['client-secret'] ?? '')
        .digest('base64url'),
      `digest of ${file}`,
    );
    secrets.push(`${file} of ${names.get(secret.metadata.ownerReferences[0]?.uid ?? '') ?? 'nobody'}`);
  }
  const named = (value: unknown): unknown =>
    JSON.parse(
      [...names]
        .reduce((text, [found, name]) => text.replaceAll(found, name), JSON.stringify(value))
        .replaceAll(/http:\/\/127\.0\.0\.1:\d+/g, 'URL'),
    );
  return {
    registry: named(registry) as Found['registry'],
    identities: named(identities) as Found['identities'],
    secrets: secrets.sort(),
  };
}

async function withResources(): Promise<Site> {
  const site = await aSite();
  await put(site, 'server.yaml', aServerFile());
  await put(site, 'scope.yaml', aScopeFile());
  await put(site, 'batch.yaml', aClientFile());
  return site;
}

/** Settled, then changed while nothing runs: a Client deleted, a Secret deleted, a Client renamed its Secret. */
async function withChanges(): Promise<Site> {
  const site = await withResources();
  await put(site, 'gone.yaml', aClientFile('', 'gone'));
  const run = new Run(site);
  await run.settled(4);
  await run.stop();
  await rm(join(site.resources, 'gone.yaml'));
  await rm(join(site.resources, '.secrets/shop/batch-oauth2.yaml'));
  return site;
}

/** Another site with the same files and rows: quicker than bringing each one so far. */
async function copyOf({ resources, databaseUrl }: Site): Promise<Site> {
  const copy = await mkdtemp(join(base, 'site-'));
  await cp(resources, copy, { recursive: true, preserveTimestamps: true });
  const url = new URL(databaseUrl);
  const name = `c_${randomBytes(6).toString('hex')}`;
  const client = new pg.Client({ connectionString: postgres?.url });
  await client.connect();
  await client.query(`CREATE DATABASE ${name} TEMPLATE ${url.pathname.slice(1)}`);
  await client.end();
  url.pathname = `/${name}`;
  return { resources: copy, databaseUrl: url.href };
}

interface Scenario {
  /** Never started: every run gets a copy. */
  readonly pattern: Site;
  /** Resources that are there when all is done. */
  readonly expected: number;
}

/** One run, killed after so many writes, and another one to its end. */
async function killedAfter(writes: number, { pattern, expected }: Scenario): Promise<Found> {
  const site = await copyOf(pattern);
  const first = new Run(site, writes);
  await first.settled(expected);
  // It may need fewer writes than the undisturbed run: statuses that were saved together.
  first.kill();
  await first.ended;
  const second = new Run(site);
  await second.settled(expected);
  await second.stop();
  return stateOf(site);
}

/** Kills the product after each of its writes in turn; what it left must become what an undisturbed run makes. */
async function killedEverywhere(scenario: Scenario): Promise<{ states: readonly Found[]; whole: Found }> {
  const undisturbed = await copyOf(scenario.pattern);
  const run = new Run(undisturbed);
  await run.settled(scenario.expected);
  const writes = await run.stop();
  const whole = await stateOf(undisturbed);
  const states: Found[] = [];
  let next = 1;
  let failed = false;
  const worker = async () => {
    for (let after = next++; after <= writes && !failed; after = next++)
      states[after - 1] = await killedAfter(after, scenario).catch((error: unknown) => {
        failed = true;
        throw error;
      });
  };
  const results = await Promise.allSettled([worker(), worker(), worker()]);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  return { states, whole };
}

describe('F32: killed between any two of its writes, the operator ends in the same state', () => {
  it('while it takes up a folder', { timeout: 600_000 }, async () => {
    const { states, whole } = await killedEverywhere({ pattern: await withResources(), expected: 3 });
    expect(states.length).toBeGreaterThan(8);
    expect(whole.secrets).toEqual(['batch-oauth2.yaml of uid of Client shop/batch']);
    expect(whole.registry.map(({ id }) => id)).toEqual(['shop.batch', 'shop:read', 'self']);
    for (const [index, state] of states.entries()) expect(state, `killed after write ${index + 1}`).toEqual(whole);
  });

  it('while it deletes a Client and writes a deleted Secret anew', { timeout: 600_000 }, async () => {
    const { states, whole } = await killedEverywhere({ pattern: await withChanges(), expected: 3 });
    expect(states.length).toBeGreaterThan(4);
    expect(whole.secrets).toEqual(['batch-oauth2.yaml of uid of Client shop/batch']);
    expect(whole.registry.map(({ id }) => id)).toEqual(['shop.batch', 'shop:read', 'self']);
    const digests = (state: Found) =>
      (state.registry[0]?.body as { client_secret_digests: string[] } | undefined)?.client_secret_digests;
    // The old secret, whose name nobody knows any more, is accepted beside the new one.
    for (const [index, state] of [whole, ...states].entries()) {
      expect(digests(state), `killed after write ${index}`).toEqual([
        'digest of batch-oauth2.yaml',
        expect.stringMatching(/^[\w-]{43}$/),
      ]);
      const { registry, ...rest } = state;
      const { registry: _, ...wholeRest } = whole;
      expect(rest, `killed after write ${index}`).toEqual(wholeRest);
      expect(registry.slice(1)).toEqual(whole.registry.slice(1));
    }
  });
});
