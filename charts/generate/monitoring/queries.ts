/** PURE. The queries that most panels are made of. */
import type { Query } from './grafana.ts';

/** Which series: of the servers or of the operators that the variables of the dashboard choose. */
export const ofServer = 'namespace=~"$namespace",job=~"$server",instance=~"$instance"';
export const ofOperator = 'job=~"$operator"';

const braces = (which: string, more: string | undefined): string => `{${which}${more === undefined ? '' : `,${more}`}}`;

/** Events a second, added up by labels. */
export function rateBy(which: string, counter: string, labels: readonly string[], more?: string): Query {
  return {
    expression: `sum by (${labels.join(', ')}) (rate(${counter}${braces(which, more)}[$__rate_interval]))`,
    legend: legendOf(labels),
  };
}

/** What a gauge says, added up by labels. */
export function sumBy(which: string, gauge: string, labels: readonly string[], more?: string): Query {
  return { expression: `sum by (${labels.join(', ')}) (${gauge}${braces(which, more)})`, legend: legendOf(labels) };
}

export function maxBy(which: string, gauge: string, labels: readonly string[], more?: string): Query {
  return { expression: `max by (${labels.join(', ')}) (${gauge}${braces(which, more)})`, legend: legendOf(labels) };
}

/** @param quantile e.g. 0.99 */
export function quantileBy(which: string, histogram: string, quantile: number, labels: readonly string[] = []): Query {
  const rate = `rate(${histogram}_bucket${braces(which, undefined)}[$__rate_interval])`;
  return {
    expression: `histogram_quantile(${quantile}, sum by (${['le', ...labels].join(', ')}) (${rate}))`,
    legend: labels.length === 0 ? `p${quantile * 100}` : legendOf(labels),
  };
}

export function legendOf(labels: readonly string[]): string {
  return labels.map((label) => `{{${label}}}`).join(' ');
}
