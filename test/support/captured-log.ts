/** The log of a server or operator, kept for a test. */
import { createLog, type Log } from '../../server/src/telemetry/log.ts';

/** One JSON line each is pushed to `lines`. */
export function logTo(lines: { push(line: string): unknown }, level: 'debug' | 'info' = 'debug'): Log {
  return createLog({
    level,
    format: 'json',
    service: 'test',
    version: '0',
    destination: { write: (line) => void lines.push(line) },
  });
}
