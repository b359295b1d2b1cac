/**
 * People who sign in all the time, allow what is asked, come back with refresh tokens and sign out; and, on demand, some who
 * stop half-way and go on later. It says once a second, as JSON, what they did. A file `/tmp/hold.<name>` makes six people
 * set out: two stay on the page that asks who they are, two on the one that asks for consent, two with their tokens; once there
 * is `/tmp/go.<name>`, they go on. What they were given last stands in `/tmp/received.json`.
 */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import * as oidc from 'openid-client';
import * as person from './person.ts';
import { type Account, allow, configure, expectPage, receiveTokens, signOut, type Visit, visit } from './person.ts';

const application = { redirectUri: 'https://portal.example.com/callback', scope: 'openid profile offline_access' };
const accounts: readonly Account[] = ['ada', 'grace', 'alan'].map((username) => ({
  username,
  password: `${username}-password`,
}));
const account = (turn: number): Account => accounts[turn % accounts.length] as Account;

export interface Told {
  /** How often an application got tokens for somebody at a browser. */
  visits: number;
  refreshes: number;
  failed: number;
  /** Handshakes that had to be begun again. */
  slow: number;
  readonly problems: string[];
  readonly held: Record<string, { waiting: number; done: number }>;
}
const told: Omit<Told, 'slow'> = { visits: 0, refreshes: 0, failed: 0, problems: [], held: {} };

function problem(doing: string, error: unknown): void {
  told.failed += 1;
  const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : '';
  const words = error instanceof Error ? `${error.message}${cause}` : String(error);
  if (told.problems.length < 30) told.problems.push(`${new Date().toISOString()} ${doing}: ${words}`);
}

const configuration = await configure();

/** From one address, twenty people a minute may sign in: fewer do here, however fast everything is. */
const signInsAMinute = 16;
const signedIn: number[] = [];

async function signIn(visited: Visit, who: Account): Promise<Visit> {
  for (;;) {
    const [first = 0] = signedIn;
    const wait = signedIn.length < signInsAMinute ? 0 : first + 61_000 - performance.now();
    if (wait <= 0) break;
    await sleep(wait);
  }
  signedIn.push(performance.now());
  signedIn.splice(0, signedIn.length - signInsAMinute);
  return person.signIn(visited, who);
}

/** Two walkers of twenty seconds and more sign in six times a minute, which leaves a group of six its turn. */
const rounds = 10;

/** Signs in, comes back to the application a few times without being asked, and signs out. */
async function walk(turn: number): Promise<void> {
  const first = await signIn(await visit(configuration, application), account(turn));
  let tokens = await allow(first, configuration);
  for (let round = 0; round < rounds; round++) {
    for (let times = 0; times < 4; times++) {
      await sleep(500);
      tokens = receiveTokens(await oidc.refreshTokenGrant(configuration, tokens.refresh_token ?? ''));
      told.refreshes += 1;
    }
    await oidc.fetchUserInfo(configuration, tokens.access_token, oidc.skipSubjectCheck);
    tokens = await allow(await visit(configuration, application, first.browser), configuration);
    told.visits += 1;
  }
  await signOut(first.browser, configuration, tokens.id_token ?? '');
}

async function walkForEver(first: number): Promise<never> {
  for (let turn = first; ; turn++) {
    await walk(turn).catch((error: unknown) => problem(account(turn).username, error));
    await sleep(1000);
  }
}

/** What is left to do. */
type Rest = () => Promise<unknown>;

const asked = { ...application, prompt: 'consent' };

const finish = async (visited: Visit): Promise<void> => {
  expectPage(visited.page, 'consent');
  const tokens = await allow(visited, configuration);
  await oidc.refreshTokenGrant(configuration, tokens.refresh_token ?? '');
};

/** Each goes a part of the way. */
const halfWay: readonly ((turn: number) => Promise<Rest>)[] = [
  async (turn) => {
    const visited = await visit(configuration, asked);
    return async () => finish(await signIn(visited, account(turn)));
  },
  async (turn) => {
    const visited = await signIn(await visit(configuration, asked), account(turn));
    return () => finish(visited);
  },
  async (turn) => {
    const tokens = await allow(await signIn(await visit(configuration, asked), account(turn)), configuration);
    return () => oidc.refreshTokenGrant(configuration, tokens.refresh_token ?? '');
  },
];

async function hold(name: string): Promise<void> {
  const counts = { waiting: 0, done: 0 };
  told.held[name] = counts;
  const people = [...halfWay, ...halfWay].map(async (setOut, turn) => {
    const goOn = await setOut(turn);
    counts.waiting += 1;
    while (!existsSync(`/tmp/go.${name}`)) await sleep(200);
    await goOn();
    counts.done += 1;
  });
  for (const [turn, person] of people.entries())
    person.catch((error: unknown) => problem(`${name}, ${['login', 'consent', 'tokens'][turn % 3]}`, error));
}

for (const first of [0, 1]) void walkForEver(first);
setInterval(() => {
  console.log(JSON.stringify({ ...told, slow: person.slow.handshakes }));
  writeFileSync('/tmp/received.json', JSON.stringify(person.received));
}, 1000);
process.once('SIGTERM', () => process.exit(0));
for (;;) {
  for (const file of readdirSync('/tmp')) {
    const name = /^hold[.](\w+)$/.exec(file)?.[1];
    if (name !== undefined && told.held[name] === undefined) void hold(name);
  }
  await sleep(200);
}
