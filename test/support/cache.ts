import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where built or unpacked tools live between runs: outside the checkout, one folder per tool and version. */
export function cacheFolder(...parts: readonly string[]): string {
  const base = process.env.XDG_CACHE_HOME ?? (process.getuid?.() === 0 ? '/var/cache' : join(homedir(), '.cache'));
  return join(base, 'nauthera', ...parts);
}
