/**
 * What the check may look at beside its own messages: what the directory was asked, what the server's
 * audit log says, and how it called the sample application.
 */
import { readFile } from 'node:fs/promises';
import type { BackchannelCall } from '../application/flows/logout.ts';
import type { DirectoryAnswer, Observations } from '../check/facts.ts';
import type { DirectoryEvent } from '../directory/server.ts';

export interface Observer {
  note(event: DirectoryEvent): void;
  /** The server called the sample application. */
  hear(call: BackchannelCall): void;
  /** @param log the server's log, for people */
  document(log: string): Promise<Observations>;
}

const mostKept = 300;

export function makeObserver(): Observer {
  const kept: Observations['directory'][number][] = [];
  const calls: BackchannelCall[] = [];
  let number = 0;
  return {
    note({ op, dn, code, entries }) {
      number += 1;
      kept.push({ number, op, dn, code, entries });
      if (kept.length > mostKept) kept.shift();
    },
    hear(call) {
      calls.push(call);
      if (calls.length > mostKept) calls.shift();
    },
    async document(log) {
      const lines = (await readFile(log, 'utf8').catch(() => '')).split('\n');
      return { directory: kept, calls, audit: lines.flatMap(auditLine).slice(-mostKept) };
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
