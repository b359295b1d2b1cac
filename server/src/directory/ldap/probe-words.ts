/** PURE. Words of a probe's report: what was found and what to do, in one line, without anybody's secret. */
import type { ProbeStep } from '../../registry/report.ts';
import type { ServerTarget } from './target.ts';

const longestMessage = 250;
export const ok = { ok: true } as const;

export function no<R extends string>(reason: R, message: string): Extract<ProbeStep<R>, { ok: false }> {
  const line = message.replaceAll(/\s+/g, ' ');
  return { ok: false, reason, message: line.length <= longestMessage ? line : `${line.slice(0, longestMessage - 1)}…` };
}

export function placeOf({ host, port }: ServerTarget): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

export function withPort(host: string): string {
  return /:\d+$/.test(host) ? host : `${host}:636`;
}

export function codeOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}

/** Codes of Node say more than its messages, which may hold addresses; our own errors have words of their own. */
export function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if (error.name === 'TimeoutError') return 'no answer in time';
  const code = codeOf(error);
  return code !== undefined && code === code.toUpperCase() ? code : error.message;
}
