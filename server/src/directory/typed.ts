/** PURE. What people type: which names and passwords are asked about at all, and where a name belongs. */
import { hash } from 'node:crypto';
import { foldText } from '../protocol/distinguished-name.ts';
import type { DirectoryRegistration } from '../registry/registration.ts';

/** Name: 1 to 256 characters, no control characters. It is not trimmed: the directory knows which spaces count. */
export function isUsername(text: string): boolean {
  return text.length <= 512 && isBetween(characters(text), 1, 256) && !/[\p{Cc}\p{Cs}]/u.test(text);
}

/**
 * Password: 1 to 128 characters, no NUL. An empty one must never reach a directory: a bind with a name and without a
 * password succeeds as an anonymous one (RFC 4513 §5.1.2).
 */
export function isPassword(text: string): boolean {
  return text.length <= 256 && isBetween(characters(text), 1, 128) && !text.includes('\0');
}

const characters = (text: string): number => Array.from(text).length;

function isBetween(value: number, least: number, most: number): boolean {
  return value >= least && value <= most;
}

/** Whether a directory is responsible for the name. Neither suffixes nor names listed: for every one. */
export function nameMatches({ suffixes, names }: DirectoryRegistration['matches'], username: string): boolean {
  if (suffixes.length === 0 && names.length === 0) return true;
  const folded = foldText(username);
  return (
    names.some((name) => foldText(name) === folded) || suffixes.some((suffix) => folded.endsWith(foldText(suffix)))
  );
}

/** What failed tries are counted under for a name that no entry has: one key for all spellings of it. */
export function unknownThrottleKey(username: string): string {
  return `name:${hash('sha256', foldText(username), 'base64url')}`;
}
