/** What `nauthera-server keys …` does, over the keys' table alone: private keys stay sealed. */
import { stringify as toYaml } from 'yaml';
import type { SigningKeyStore, StoredSigningKey } from './keys/keys.ts';
import { activeKey } from './keys/rotation.ts';
import type { EpochSeconds } from './protocol/time.ts';

export const outputs = ['table', 'json', 'yaml'] as const;
export type Output = (typeof outputs)[number];

export interface ListedKey {
  readonly kid: string;
  readonly algorithm: string;
  /** RFC 3339. */
  readonly activeFrom: string;
  /** Whether its successor was asked for and is not there yet. */
  readonly rotationAsked: boolean;
  readonly state: 'published' | 'active' | 'retiring' | 'revoked';
}

export async function listKeys(store: SigningKeyStore, output: Output): Promise<string> {
  const { now, keys } = await store.load();
  const listed = [...keys]
    .sort((one, other) => one.algorithm.localeCompare(other.algorithm) || other.generation - one.generation)
    .map((key) => listedKey(key, keys, now));
  if (output === 'json') return JSON.stringify(listed, null, 2);
  return output === 'yaml' ? toYaml(listed).trimEnd() : tableOf(listed);
}

function listedKey(key: StoredSigningKey, keys: readonly StoredSigningKey[], now: EpochSeconds): ListedKey {
  const { kid, algorithm, activeFrom, revoked, rotationAsked } = key;
  const rest = kid === activeKey(keys, algorithm, now)?.kid ? 'active' : activeFrom > now ? 'published' : 'retiring';
  const hasSuccessor = keys.some((one) => one.algorithm === algorithm && one.generation > key.generation);
  return {
    kid,
    algorithm,
    activeFrom: new Date(activeFrom * 1000).toISOString(),
    rotationAsked: rotationAsked && !hasSuccessor,
    state: revoked ? 'revoked' : rest,
  };
}

function tableOf(listed: readonly ListedKey[]): string {
  const head = ['KID', 'ALGORITHM', 'ACTIVE FROM', 'STATE'];
  const rows = listed.map(({ kid, algorithm, activeFrom, state, rotationAsked }) => [
    kid,
    algorithm,
    activeFrom,
    rotationAsked ? `${state}, rotation asked` : state,
  ]);
  const widths = [43, 9, 24];
  return [head, ...rows].map((row) => row.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('  ')).join('\n');
}

/** One sentence, and whether the answer is yes. */
export interface Done {
  readonly sentence: string;
  readonly done: boolean;
}

export const revocationWarning = (kid: string): string =>
  `Every token signed with ${kid} is refused from now on: by this server within seconds, by everybody else as soon as they read its keys again. Where no other key can sign, a new one is made at once.`;

/** May be repeated: a key that was revoked before is revoked. */
export async function revokeKey(store: SigningKeyStore, kid: string): Promise<Done> {
  switch (await store.revoke(kid)) {
    case 'revoked':
      return { sentence: 'revoked', done: true };
    case 'revoked_before':
      return { sentence: 'it was revoked before', done: true };
    case 'unknown':
      return { sentence: 'there is no such key', done: false };
  }
}

/** May be repeated: nothing is asked of a key whose successor is on its way. */
export async function rotateKeys(store: SigningKeyStore): Promise<Done> {
  const { keys } = await store.load();
  if (keys.every(({ revoked }) => revoked))
    return { sentence: 'there is no key yet: a server that serves makes the first', done: false };
  const asked = await store.askRotation();
  const sentence =
    asked.length === 0
      ? 'the next keys are on their way already'
      : `asked for: ${[...asked].sort().join(', ')}. The next keys are published within seconds, and sign when everybody could have read them`;
  return { sentence, done: true };
}
