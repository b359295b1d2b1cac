/** Whatever alerts and the dashboard ask for is there: metric, label, and value where values are a closed list. */
import { describe, expect, it } from 'vitest';
import { alertGroups } from '../../../charts/generate/monitoring/alerts.ts';
import { dashboard } from '../../../charts/generate/monitoring/dashboard.ts';
import { kindNames } from '../../../crds/src/kinds.ts';
import { reasons } from '../../../crds/src/reasons.ts';
import type { LdapOperation } from '../../../server/src/directory/ldap/operation.ts';
import { errorStatus } from '../../../server/src/protocol/errors.ts';
import { limiters, reuseResults } from '../../../server/src/telemetry/told-as-zero.ts';
import { isOfProcess, type KnownMetric, metricsOf } from '../../monitoring/metrics.ts';
import { askedFor, type Matcher } from '../../monitoring/promql.ts';
import { promtool } from '../../support/promtool.ts';

interface Expression {
  readonly place: string;
  readonly expression: string;
}

const panels = dashboard.rows.flatMap((row) => row.panels.map((panel) => ({ row: row.title, ...panel })));
const variables = new Set(['datasource', ...dashboard.variables.map(({ name }) => name)]);
const expressions: readonly Expression[] = [
  ...alertGroups.flatMap(({ alerts }) => alerts.map(({ name, expression }) => ({ place: name, expression }))),
  ...panels.flatMap(({ row, title, queries }) =>
    queries.map(({ expression }) => ({ place: `${row}: ${title}`, expression })),
  ),
  ...dashboard.variables.map(({ name, query }) => ({
    place: `variable ${name}`,
    expression: query.replace(/^label_values\((.*), (\w+)\)$/, 'count by ($2) ($1)'),
  })),
];

const known = new Map<string, KnownMetric>(
  [...metricsOf('server'), ...metricsOf('operator')].flatMap((metric) => [
    [metric.name, metric] as const,
    // As Prometheus stores a histogram.
    ...(metric.type === 'histogram'
      ? (['_bucket', '_sum', '_count'] as const).map((suffix) => [metric.name + suffix, metric] as const)
      : []),
  ]),
);
/** What Prometheus itself tells of each scrape. */
const ofPrometheus = new Set(['up']);
/** What the scrape adds. */
const ofTarget = ['namespace', 'job', 'instance'];
const metricsIn = (expression: string) => askedFor(expression).selectors.map(({ metric }) => metric);
const labelsOf = (metric: string) => [
  ...ofTarget,
  ...(known.get(metric)?.labels ?? []),
  ...(metric.endsWith('_bucket') ? ['le'] : []),
];

/** By metric and label: every value that there may be. */
const values: Readonly<Record<string, readonly string[]>> = {
  'nauthera_build_info component': ['server', 'operator'],
  'nauthera_token_requests_total outcome': ['success', ...Object.keys(errorStatus)],
  'nauthera_logins_total outcome': ['success'],
  'nauthera_rate_limited_total limiter': limiters,
  'nauthera_refresh_reuse_total result': reuseResults,
  'nauthera_ldap_operation_duration_seconds_count outcome': [
    'success',
    'refused',
    'failed',
  ] satisfies readonly LdapOperation['outcome'][],
  'http_server_request_duration_seconds_count http_response_status_code': Object.values(errorStatus).map(String),
  'leader_election_master_status name': ['nauthera-operator'],
  'nauthera_resources kind': kindNames,
  'nauthera_resources ready': ['true', 'false'],
  'nauthera_resources reason': Object.keys(reasons.Client['Ready'] ?? {}),
};

function isThere(metric: string, { label, operator, value }: Matcher): boolean {
  // A variable of the dashboard.
  if (value.startsWith('$')) return variables.has(value.slice(1));
  const all = values[`${metric} ${label}`] ?? [];
  const asked = operator.endsWith('~') ? value.split('|') : [value];
  return asked.every((one) =>
    all.some((there) => (operator.endsWith('~') ? new RegExp(`^(?:${one})$`).test(there) : there === one)),
  );
}

describe('what is asked of an expression', () => {
  it.each([
    ['up', ['up'], []],
    ['sum(rate(a_total{b="c",d=~"e|f\\\\d"}[5m])) by (g) / 2', ['a_total'], ['g']],
    ['histogram_quantile(0.99, sum by (le, route) (rate(h_bucket[$__rate_interval])))', ['h_bucket'], ['le', 'route']],
    ['a and on (job) b or vector(0) unless c offset 5m > bool 1', ['a', 'b', 'c'], ['job']],
    ['a * on (x) group_left (y) b', ['a', 'b'], ['x', 'y']],
  ])('%s', (expression, metrics, labels) => {
    const { selectors, labels: found } = askedFor(expression);
    expect([selectors.map(({ metric }) => metric), found]).toEqual([metrics, labels]);
  });

  it('matchers are read', () => {
    expect(askedFor('a{b="}",c!~"d\\\\."}').selectors).toEqual([
      {
        metric: 'a',
        matchers: [
          { label: 'b', operator: '=', value: '}' },
          { label: 'c', operator: '!~', value: 'd\\.' },
        ],
      },
    ]);
  });
});

describe('alerts and dashboard ask for what there is', () => {
  it.each(expressions)('$place: $expression', ({ expression }) => {
    const { selectors, labels } = askedFor(expression);
    expect(selectors.filter(({ metric }) => !known.has(metric) && !ofPrometheus.has(metric))).toEqual([]);
    for (const { metric, matchers } of selectors) {
      expect(labelsOf(metric)).toEqual(expect.arrayContaining(matchers.map(({ label }) => label)));
      expect(matchers.filter((matcher) => !isThere(metric, matcher))).toEqual([]);
    }
    expect(selectors.flatMap(({ metric }) => labelsOf(metric))).toEqual(expect.arrayContaining([...labels]));
  });

  it('Prometheus takes each', async () => {
    const rules = expressions.map(({ expression }, index) => ({
      record: `expression:${index}`,
      expr: expression.replaceAll('$__rate_interval', '5m'),
    }));
    const files = { 'rules.yaml': JSON.stringify({ groups: [{ name: 'all', rules }] }) };
    expect(await promtool(['check', 'rules', 'rules.yaml'], files)).toBe('');
  });

  it('the dashboard shows every metric of ours', () => {
    const shown = new Set(panels.flatMap(({ queries }) => queries.flatMap(({ expression }) => metricsIn(expression))));
    const all = [...metricsOf('server'), ...metricsOf('operator')].filter(({ name }) => !isOfProcess(name));
    const missing = all.filter(({ name }) => ![name, `${name}_bucket`, `${name}_count`].some((one) => shown.has(one)));
    expect(missing.map(({ name }) => name)).toEqual([]);
  });
});
