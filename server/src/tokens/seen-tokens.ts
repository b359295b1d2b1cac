/** Opaque tokens that were looked up and held: remembered by their digest, so that asking again asks no database. */
import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../protocol/time.ts';

export interface SeenTokens<T> {
  /** Never after its expiry. Whether it was revoked since is the caller's to ask. */
  get(token: string): T | undefined;
  add(token: string, value: T): void;
}

/** How many are remembered; the least recently asked for is forgotten first. */
const maxSeen = 10_000;

export function createSeenTokens<T extends { readonly expiresAt: number }>(clock: Clock, max = maxSeen): SeenTokens<T> {
  const seen = new LRUCache<string, T>({ max });
  return {
    get(token) {
      const digest = digestOf(token);
      const value = seen.get(digest);
      if (value === undefined || value.expiresAt > clock.now()) return value;
      seen.delete(digest);
      return undefined;
    },
    add: (token, value) => void seen.set(digestOf(token), value),
  };
}

function digestOf(token: string): string {
  return hash('sha256', token, 'base64url');
}
