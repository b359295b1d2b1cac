/** What a bench found, for people. */
import type { Outcome, Verdict } from './measure.ts';

export function table(bench: string, { rows, verdicts, notes = [] }: Outcome): string {
  const lines = [
    `── ${bench}`,
    line('row', 'ops/s', 'CPU µs', 'p50 ms', 'p99 ms', 'spread', 'n'),
    ...rows.map(({ name, rate, cpu, p50, p99, spread, samples, failures }) =>
      line(
        failures > 0 ? `${name} (${failures} failed)` : name,
        rate >= 100 ? rate.toFixed(0) : rate.toFixed(2),
        cpu === undefined ? '–' : cpu.toFixed(0),
        p50.toFixed(1),
        p99.toFixed(1),
        `${(spread * 100).toFixed(0)} %`,
        String(samples.length),
      ),
    ),
    ...verdicts.map(sentence),
    ...notes.map((note) => `  ${note}`),
  ];
  return lines.join('\n');
}

function line(name: string, ...columns: string[]): string {
  return `${name.padEnd(44)}${columns.map((column) => column.padStart(9)).join('')}`;
}

function sentence({ target, ratio, best, cpuRatio, ceilingRatio, verdict }: Verdict): string {
  const cpu = cpuRatio === undefined ? '' : `, by CPU ${cpuRatio.toFixed(2)}`;
  const ceiling = ceilingRatio === undefined ? '' : `, the ceiling itself ${ceilingRatio.toFixed(2)}`;
  return `  ${target.row}: ${ratio.toFixed(2)} × ${target.of} (best round ${best.toFixed(2)}${cpu}${ceiling}), target ${target.atLeast.toFixed(2)}: ${verdict}`;
}
