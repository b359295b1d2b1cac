/**
 * F15 in its long form: whether the time of a refusal tells an account that exists from one that does not. Both are tried in
 * turns that chance decides, one at a time, each account once, against a real directory over `ldaps`; then Welch's t-test.
 */
import type { Bench } from './bench.ts';
import { benchRegistration, directoryWithPeople, uidOf } from './directory-people.ts';
import { quantiles, random } from './load.ts';
import { address, requestPath } from './login-consent.bench.ts';
import { judgeLimit, type Method, type Outcome, resultOf } from './measure.ts';
import { clientIdOf, declare, type Running, type Stage, serve } from './stage.ts';
import { formOf, Walker } from './walk.ts';

/** Below it the two cannot be told apart (F15). */
const limit = 4.5;

/** Milliseconds of the answer to a wrong password. */
async function refusal({ url }: Running, client: string, username: string): Promise<number> {
  const times: number[] = [];
  const walker = new Walker(url, address(), { onAnswer: (_status, milliseconds) => times.push(milliseconds) });
  const { action, fields } = formOf((await walker.get(requestPath(client))).body);
  const { status } = await walker.post(action, { ...fields, username, password: 'wrong', 'sign-in': '1' });
  if (status !== 303) throw new Error(`sign-in: ${status}`);
  return times.at(-1) ?? Number.NaN;
}

/** How many standard errors lie between the means of two samples. */
export function welch(one: readonly number[], other: readonly number[]): number {
  const [first, second] = [momentsOf(one), momentsOf(other)];
  return (first.mean - second.mean) / Math.sqrt(first.error + second.error);
}

function momentsOf(values: readonly number[]): { readonly mean: number; readonly error: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return { mean, error: variance / values.length };
}

export const accountTiming: Bench = {
  name: 'account-timing',
  about: 'one refused sign-in at an account that exists or not, over ldaps: whether its time tells which',
  prepare: () => Promise.resolve({ rows: [], targets: [] }),
  async run(stage: Stage, { quick }, { onProgress }: Method): Promise<Outcome> {
    const [people, warmUp] = quick ? [60, 10] : [3000, 200];
    const directory = benchRegistration(await directoryWithPeople(stage, people));
    const server = await serve(stage, await declare(stage, { clients: 1, directory }), 'live');
    const found = { existing: [] as number[], missing: [] as number[] };
    const began = performance.now();
    for (let at = 0; at < people; at++) {
      if (at % 500 === 0) onProgress?.(`${at} of ${people}`);
      const turns = [['existing', uidOf(at)] as const, ['missing', `nope-${at}`] as const];
      for (const [kind, name] of random(2) === 0 ? turns : turns.toReversed()) {
        const milliseconds = await refusal(server, clientIdOf(0), name);
        if (at >= warmUp) found[kind].push(milliseconds);
      }
    }
    const seconds = (performance.now() - began) / 1000;
    // Without what the machine did meanwhile a small difference shows sooner: both are asked.
    const most = quantiles([...found.existing, ...found.missing]).p90;
    const below = (values: readonly number[]) => values.filter((value) => value < most);
    const all = Math.abs(welch(found.existing, found.missing));
    const cropped = Math.abs(welch(below(found.existing), below(found.missing)));
    const rows = (['existing', 'missing'] as const).map((kind) => {
      const { p50, p99 } = quantiles(found[kind]);
      const operations = found[kind].length;
      const sample = { operations, seconds: seconds / 2, failures: 0, p50, p99, serverCpu: undefined, foreignLoad: 0 };
      return resultOf(kind, 'ours', [sample]);
    });
    const verdict = (of: string, t: number) => judgeLimit('existing', of, [limit / t]);
    return {
      rows,
      verdicts: [verdict(`t < ${limit}`, all), verdict(`t < ${limit} (without the slowest tenth)`, cropped)],
      notes: [`Welch's t is ${all.toFixed(2)}, without the slowest tenth ${cropped.toFixed(2)}`],
    };
  },
};
