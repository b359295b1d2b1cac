/** Alerts: they fire when they should and not otherwise, as Prometheus itself computes them; and each has its runbook. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { ruleFile, runbooks } from '../../../charts/generate/monitoring/alert.ts';
import { alertGroups } from '../../../charts/generate/monitoring/alerts.ts';
import { promtool } from '../../support/promtool.ts';
import { alertCases } from './alert-cases.ts';

const root = join(import.meta.dirname, '../../..');
const alerts = alertGroups.flatMap((group) => group.alerts);
const written = readFileSync(join(root, 'charts/nauthera/files/alerts.yaml'), 'utf8');
const names = alerts.map(({ name }) => name);

describe('alerts', () => {
  it('are rules that Prometheus takes', async () => {
    expect(await promtool(['check', 'rules', 'alerts.yaml'], { 'alerts.yaml': written })).toBe('');
    expect(
      await promtool(['check', 'rules', 'alerts.yaml'], { 'alerts.yaml': written.replace('rate(', 'late(') }),
    ).toMatch(/late/);
  });

  it.each(names)('%s fires when it should, and not otherwise', async (name) => {
    const cases = alertCases.filter(({ alert }) => alert === name);
    expect(cases.some(({ fires }) => fires.length > 0)).toBe(true);
    expect(cases.some(({ fires }) => fires.length === 0)).toBe(true);
    const severity = alerts.find((one) => one.name === name)?.severity;
    const tests = cases.map(({ when, series, at = '15m', fires }) => ({
      name: when,
      interval: '30s',
      input_series: Object.entries(series).map(([one, values]) => ({ series: one, values })),
      alert_rule_test: [
        {
          eval_time: at,
          alertname: name,
          exp_alerts: fires.map((labels) => ({ exp_labels: { ...labels, severity } })),
        },
      ],
    }));
    const silent = alertGroups.map((group) => ({
      ...group,
      alerts: group.alerts.filter((one) => one.name === name),
    }));
    // Words have a test of their own: here it is about when and where.
    const rules = ruleFile(silent).replaceAll(/^ {8}annotations:\n(?: {10}.*\n)+/gm, '');
    const files = {
      'rules.yaml': rules,
      'test.yaml': stringify({ rule_files: ['rules.yaml'], evaluation_interval: '1m', tests }),
    };
    expect(await promtool(['test', 'rules', 'test.yaml'], files)).toBe('');
  });

  it.each(alerts)('$name says what is the matter and what to do first, with labels that it has', (alert) => {
    expect(alert.summary).not.toContain('{{');
    expect(alert.description).toMatch(/ First: \S/);
    const used = [...alert.description.matchAll(/\$labels\.(\w+)/g)].map(([, label = '']) => label);
    // A condition in the words is there for a label that is not always there.
    const optional = alert.description.includes('{{ if ');
    for (const { fires } of alertCases.filter((one) => one.alert === alert.name))
      for (const labels of optional ? [] : fires) expect(Object.keys(labels)).toEqual(expect.arrayContaining(used));
  });
});

describe('runbooks', () => {
  const folder = join(root, 'docs/runbooks');
  const pages = readdirSync(folder).filter((name) => name !== 'README.md');

  it('there is one for each alert, and none else', () => {
    expect(pages.toSorted()).toEqual(names.map((name) => `${name}.md`).toSorted());
    expect([...written.matchAll(/runbook_url: (.*)/g)].map(([, url]) => url)).toEqual(
      names.map((name) => `${runbooks}/${name}.md`),
    );
  });

  it.each(names)('%s: meaning, impact, where to look, what to do', (name) => {
    const text = readFileSync(join(folder, `${name}.md`), 'utf8');
    expect(text.split('\n')[0]).toBe(`# ${name}`);
    const headings = [...text.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
    expect(headings).toEqual(['Meaning', 'Impact', 'Where to look', 'What to do']);
    for (const part of text.split(/^## .+$/m).slice(1)) expect(part.trim().length).toBeGreaterThan(40);
  });
});
