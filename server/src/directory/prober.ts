/** When directories are looked at: at once when they are new or changed, then every half minute. */
import type { DirectoryProbe } from '../registry/report.ts';
import type { Log } from '../telemetry/log.ts';
import type { LdapDirectory } from './ldap/ldap-directory.ts';
import { probeDirectory } from './ldap/probe.ts';

export interface Prober {
  results(): readonly DirectoryProbe[];
  onResult(listener: () => void): () => void;
  /** The directories changed: forgets those that are gone, looks at new ones now. */
  refresh(): void;
  start(): void;
  stop(): void;
}

const every = 30_000;
/** A look ends by then, whatever the servers do. */
const longest = 8000;

/** Where it happened; messages of strangers may hold what no log may. */
const framesOf = (stack: string): string =>
  stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n');

export function createProber(directories: () => readonly LdapDirectory[], log: Log): Prober {
  const results = new Map<LdapDirectory, DirectoryProbe>();
  const timers = new Map<LdapDirectory, NodeJS.Timeout>();
  const listeners = new Set<() => void>();
  const stopping = new AbortController();
  let started = false;

  const announce = () => {
    for (const listener of listeners) listener();
  };

  const look = async (directory: LdapDirectory) => {
    const limit = AbortSignal.any([stopping.signal, AbortSignal.timeout(longest)]);
    try {
      const servers = await probeDirectory(directory, limit);
      if (!timers.has(directory)) return;
      const { owner, fingerprint = '' } = directory.registered;
      const result = { directory: directory.id, uid: owner.uid, fingerprint, servers };
      const changed = JSON.stringify(results.get(directory)) !== JSON.stringify(result);
      results.set(directory, result);
      if (changed) announce();
    } catch (error) {
      // The database that remembers refused passwords, or a mistake of ours: what was found before stays.
      log.warn('looking at a directory failed', {
        'nauthera.directory': directory.id,
        'error.type': error instanceof Error ? error.name : typeof error,
        ...(error instanceof Error && error.stack !== undefined ? { 'error.stack': framesOf(error.stack) } : {}),
      });
    } finally {
      if (timers.has(directory)) schedule(directory, every);
    }
  };

  const schedule = (directory: LdapDirectory, delay: number) => {
    const timer = setTimeout(() => void look(directory), delay);
    timers.set(directory, timer.unref());
  };

  const refresh = () => {
    if (!started || stopping.signal.aborted) return;
    const now = new Set(directories());
    for (const [directory, timer] of timers) {
      if (now.has(directory)) continue;
      clearTimeout(timer);
      timers.delete(directory);
      if (results.delete(directory)) announce();
    }
    for (const directory of now) if (!timers.has(directory)) schedule(directory, 0);
  };

  return {
    results: () => [...results.values()],
    onResult(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    refresh,
    start() {
      started = true;
      refresh();
    },
    stop() {
      stopping.abort();
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
    },
  };
}
