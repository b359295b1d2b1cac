/** The generators of the chart, and what GitOps tools are told of our conditions. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { documentedValues, valuesTable } from '../../charts/generate/values-document.ts';
import { obeys } from '../../crds/src/cel.ts';
import { judgedByArgo } from '../support/argo-health.ts';

const gitops = join(import.meta.dirname, '../../charts/gitops');
const read = (name: string): unknown => parse(readFileSync(join(gitops, name), 'utf8'));

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}
const condition = (type: string, status: string, more: Partial<Condition> = {}): Condition => ({
  type,
  status,
  message: `${type} is ${status}`,
  ...more,
});
const ready = condition('Ready', 'True');
const waiting = condition('Ready', 'False', { reason: 'SecretNotFound', message: 'Secret pg is missing' });
const stalled = condition('Stalled', 'True', { reason: 'PolicyViolation', message: 'policy teams forbids it' });
const suspended = condition('Ready', 'False', { reason: 'Suspended' });

interface Case {
  readonly name: string;
  readonly conditions?: readonly Condition[];
  readonly observedGeneration?: number;
  readonly suspend?: boolean;
  readonly deleting?: boolean;
  readonly argo: readonly [status: string, message: string];
  /** Current, failed. */
  readonly flux: readonly [boolean, boolean];
}

const cases: readonly Case[] = [
  { name: 'no status yet', argo: ['Progressing', 'Waiting for the operator'], flux: [false, false] },
  {
    name: 'Ready of an older generation',
    conditions: [ready],
    observedGeneration: 1,
    argo: ['Progressing', 'Waiting for the operator'],
    flux: [true, false],
  },
  { name: 'Ready', conditions: [ready], argo: ['Healthy', 'Ready is True'], flux: [true, false] },
  { name: 'waiting', conditions: [waiting], argo: ['Progressing', 'Secret pg is missing'], flux: [false, false] },
  {
    name: 'stalled',
    conditions: [waiting, stalled],
    argo: ['Degraded', 'policy teams forbids it'],
    flux: [false, true],
  },
  {
    name: 'suspended',
    conditions: [suspended],
    suspend: true,
    argo: ['Suspended', 'Ready is False'],
    flux: [true, false],
  },
  {
    name: 'being deleted',
    conditions: [ready],
    deleting: true,
    argo: ['Progressing', 'Is being deleted'],
    flux: [true, false],
  },
];

const objectOf = ({ conditions, observedGeneration = 2, suspend, deleting }: Case) => ({
  kind: 'Client',
  metadata: { name: 'web', generation: 2, ...(deleting ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}) },
  spec: suspend === undefined ? {} : { suspend },
  ...(conditions === undefined ? {} : { status: { observedGeneration, conditions } }),
});

describe('the health of a Client', () => {
  it.each(cases)('Argo CD: $name', (one) => {
    expect(judgedByArgo(objectOf(one))).toEqual(one.argo);
  });

  // Flux looks at the generation itself, and at expressions only where there is a status.
  it.each(cases.filter(({ conditions }) => conditions !== undefined))('Flux: $name', (one) => {
    const { spec } = read('flux-kustomization.yaml') as {
      spec: { healthCheckExprs: readonly { current: string; failed: string }[] };
    };
    const [expressions] = spec.healthCheckExprs;
    const holds = (expression: string | undefined) =>
      obeys(
        { rule: (expression ?? '').replaceAll('status.conditions', 'self.status.conditions'), message: '' },
        objectOf(one),
        undefined,
      );
    expect([holds(expressions?.current), holds(expressions?.failed)]).toEqual(one.flux);
  });
});

describe('the table of values', () => {
  it('has a row for each comment, with the default and what stands below it', () => {
    const values = documentedValues(
      '# -- Whether.\na: true\nb:\n  # -- What, or | nothing.\n  # More.\n  c: { d: [1] }\n',
    );
    expect(values).toEqual([
      { path: 'a', standard: true, text: 'Whether.' },
      { path: 'b.c', standard: { d: [1] }, text: 'What, or | nothing. More.' },
    ]);
    expect(valuesTable(values)).toContain('| `b.c` | `{"d":[1]}` | What, or \\| nothing. More. |');
  });

  it.each([
    ['a value without a comment', 'a: 1\n', /values\.yaml:1: a has no comment/],
    ['a member without a comment', 'a:\n  # -- B.\n  b: 1\n  c: 2\n', /values\.yaml:4: a\.c has no comment/],
    ['a comment at the end', '# -- A.\na: 1\n# -- B.\n', /explains nothing/],
  ])('refuses %s', (_, text, said) => {
    expect(() => documentedValues(text)).toThrow(said);
  });
});
