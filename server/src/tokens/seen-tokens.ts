/** Opaque tokens that were looked up and held: remembered by their digest, so that asking again asks no database. */
import { hash } from 'node:crypto';
import type { Clock } from '../protocol/time.ts';

export interface SeenTokens<T> {
  /** Never after its expiry. Whether it was revoked since is the caller's to ask. */
  get(token: string): T | undefined;
  add(token: string, value: T): void;
}

/** How many are remembered; the least recently asked for is forgotten first. */
const maxSeen = 10_000;

export function createSeenTokens<T extends { readonly expiresAt: number }>(clock: Clock, max = maxSeen): SeenTokens<T> {
  const seen = new Map<string, T>();
  return {
    get(token) {
      const digest = hash('sha256', token, 'base64url');
      const value = seen.get(digest);
      if (value === undefined) return undefined;
      seen.delete(digest);
      if (value.expiresAt <= clock.now()) return undefined;
      seen.set(digest, value);
      return value;
    },
    add(token, value) {
      if (seen.size >= max) {
        const oldest = seen.keys().next();
        if (oldest.done !== true) seen.delete(oldest.value);
      }
      seen.set(hash('sha256', token, 'base64url'), value);
    },
  };
}
