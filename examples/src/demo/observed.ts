/** What the check may look at beside its own messages: what the directory was asked, and what the server's audit log says. */
import { readFile } from 'node:fs/promises';
import type { DirectoryAnswer, Observations } from '../check/facts.ts';
import type { DirectoryEvent } from '../directory/server.ts';

export interface Observer {
  note(event: DirectoryEvent): void;
  /** @param log the server's log, for people */
  document(log: string): Promise<Observations>;
}

const mostKept = 300;

export function makeObserver(): Observer {
  const kept: Observations['directory'][number][] = [];
  let number = 0;
  return {
    note({ op, dn, code, entries }) {
      number += 1;
      kept.push({ number, op, dn, code, entries });
      if (kept.length > mostKept) kept.shift();
    },
    async document(log) {
      const lines = (await readFile(log, 'utf8').catch(() => '')).split('\n');
      return { directory: kept, audit: lines.flatMap(auditLine).slice(-mostKept) };
    },
  };
}

/** `time info  audit: audit event audit=true id="…" event="consent.given" scopes=["…"]`: every value is JSON. */
function auditLine(line: string): readonly DirectoryAnswer[] {
  if (!/^\S+ info +audit: audit event audit=true /.test(line)) return [];
  const pairs = line.matchAll(/ ([\w.]+)=("(?:[^"\\]|\\.)*"|\[[^\]]*\])/g);
  try {
    return [Object.fromEntries([...pairs].map(([, name, value = '']) => [name, JSON.parse(value)])) as DirectoryAnswer];
  } catch {
    // Not written to its end yet.
    return [];
  }
}
