/**
 * `npm run bench [-- NAME…]`: each bench on servers of its own, printed as a table, kept as JSON beside it.
 *
 *   --list       names, and what one operation of each is
 *   --rounds N   rounds that count; default 5
 *   --seconds N  length of each load; default 2
 *   --no-peer    without the peer (which the first run installs)
 *   --quick      100 operations of each row, no peer: is it still in order?
 *   --gate       exit code 1 when a row is below what its target asks for
 *   --compare A.json B.json   ratios of two runs side by side
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { accountTiming } from './account-timing.bench.ts';
import type { Bench } from './bench.ts';
import { clientCredentials } from './client-credentials.bench.ts';
import { codeExchange } from './code-exchange.bench.ts';
import { directory } from './directory.bench.ts';
import { documents } from './documents.bench.ts';
import { growth } from './growth.bench.ts';
import { introspection } from './introspection.bench.ts';
import { loginConsent } from './login-consent.bench.ts';
import { machine, measure, type Outcome, type Verdict } from './measure.ts';
import { overload } from './overload.bench.ts';
import { refresh } from './refresh.bench.ts';
import { sso } from './sso.bench.ts';
import { generatorCores, Stage } from './stage.ts';
import { start } from './start.bench.ts';
import { table } from './table.ts';
import { userinfo } from './userinfo.bench.ts';
import { closeConnections } from './walk.ts';

const benches: readonly Bench[] = [
  clientCredentials,
  introspection,
  userinfo,
  documents,
  codeExchange,
  refresh,
  sso,
  loginConsent,
  directory,
  start,
  growth,
  overload,
  accountTiming,
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    list: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    'no-peer': { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    gate: { type: 'boolean', default: false },
    compare: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

function chosen(): readonly Bench[] {
  if (positionals.length === 0) return benches;
  return positionals.map((name) => {
    const bench = benches.find((one) => one.name === name);
    if (bench === undefined) throw new Error(`no bench ${name}: ${benches.map((one) => one.name).join(', ')}`);
    return bench;
  });
}

async function runOne(bench: Bench): Promise<Outcome> {
  const stage = new Stage();
  const options = { peer: !values['no-peer'] && !values.quick, quick: values.quick };
  const method = {
    rounds: values.quick ? 1 : Number(values.rounds),
    extent: values.quick ? { operations: 100 } : { seconds: Number(values.seconds) },
    onProgress: (line: string) => console.error(`${bench.name}: ${line}`),
    settle: () => stage.analyze(),
  };
  try {
    if (bench.run !== undefined) return await bench.run(stage, options, method);
    const { rows, targets } = await bench.prepare(stage, options);
    return await measure(rows, targets, method);
  } finally {
    await stage.close();
  }
}

function keep(results: Readonly<Record<string, Outcome>>): string {
  const folder = join(import.meta.dirname, 'results');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${new Date().toISOString().replaceAll(':', '-')}.json`);
  const commit = execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim();
  writeFileSync(
    path,
    JSON.stringify({ commit, machine: machine(), database: { durable: true, tls: false }, results }, null, 1),
  );
  return path;
}

function compare([one, other]: readonly string[]): void {
  const read = (path: string | undefined) =>
    (JSON.parse(readFileSync(path ?? '', 'utf8')) as { results: Record<string, Outcome> }).results;
  const [before, after] = [read(one), read(other)];
  for (const [name, { verdicts }] of Object.entries(before)) {
    for (const { target, ratio } of verdicts) {
      const now = after[name]?.verdicts.find(
        (verdict) => verdict.target.row === target.row && verdict.target.of === target.of,
      );
      console.log(`${name}: ${target.row} ÷ ${target.of}: ${ratio.toFixed(2)} → ${now?.ratio.toFixed(2) ?? '–'}`);
    }
  }
}

const isBelow = ({ target, ratio, ceilingRatio = 0, verdict }: Verdict): boolean =>
  verdict === 'failed' ||
  (verdict === 'missed' && ratio < (target.gate ?? target.atLeast)) ||
  // What the ceiling does not give is asked of nobody: as much of it as of any other ceiling.
  (verdict === 'above the ceiling' && ratio < Math.min(target.gate ?? target.atLeast, 0.6 * ceilingRatio));

async function main(): Promise<void> {
  if (values.help) {
    console.log(
      readFileSync(import.meta.filename, 'utf8')
        .split('*/', 1)[0]
        ?.replaceAll(/^\/?\*+ ?| \* ?/gm, '')
        .trim(),
    );
    return;
  }
  if (values.list) return benches.forEach(({ name, about }) => console.log(`${name.padEnd(20)} ${about}`));
  if (values.compare) return compare(positionals);
  const wanted = chosen();
  // The generator keeps off the server's core.
  if (generatorCores !== undefined)
    execFileSync('taskset', ['-pc', generatorCores, String(process.pid)], { stdio: 'ignore' });
  const results: Record<string, Outcome> = {};
  for (const bench of wanted) {
    results[bench.name] = await runOne(bench);
    console.log(`${table(bench.name, results[bench.name] as Outcome)}\n`);
  }
  await closeConnections();
  if (!values.quick) console.error(`kept as ${keep(results)}`);
  const all = Object.values(results);
  const failed = all.some(({ rows }) => rows.some(({ failures }) => failures > 0));
  if (failed || (values.gate && all.some(({ verdicts }) => verdicts.some(isBelow)))) process.exitCode = 1;
}

await main();
