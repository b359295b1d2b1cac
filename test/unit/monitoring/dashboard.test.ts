/** The dashboard, as Grafana would read it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { grafanaModel } from '../../../charts/generate/monitoring/grafana.ts';

interface Place {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}
interface GrafanaPanel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: Place;
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly legendFormat: string }[];
}
interface GrafanaDashboard {
  readonly uid: string;
  readonly templating: { readonly list: readonly { readonly name: string }[] };
  readonly panels: readonly GrafanaPanel[];
}

const file = join(import.meta.dirname, '../../../charts/nauthera/files/dashboard.json');
const text = readFileSync(file, 'utf8');
const model = JSON.parse(text) as GrafanaDashboard;
const graphs = model.panels.filter(({ type }) => type !== 'row');
const overlap = (a: Place, b: Place): boolean =>
  a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

describe('the dashboard', () => {
  it('has its rows, in the order in which one looks', () => {
    expect(model.panels.filter(({ type }) => type === 'row').map(({ title }) => title)).toEqual([
      'Requests',
      'Tokens, grants',
      'Sign-ins, consent, device',
      'Directory per server',
      'Database, registry',
      'Keys, certificates',
      'Abuse',
      'Operator',
      'Process',
    ]);
    expect(model.uid).toBe('nauthera');
    expect(model.templating.list.map(({ name }) => name)).toEqual([
      'datasource',
      'namespace',
      'server',
      'instance',
      'operator',
    ]);
  });

  it('no id and no title of a row stands twice, and no panel on another', () => {
    const ids = model.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const titles = graphs.map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
    for (const [index, one] of model.panels.entries()) {
      const { x, w } = one.gridPos;
      expect([x >= 0, x + w <= 24], one.title).toEqual([true, true]);
      for (const other of model.panels.slice(index + 1))
        expect(overlap(one.gridPos, other.gridPos), `${one.title} on ${other.title}`).toBe(false);
    }
  });

  it.each(graphs)('$title: says what it shows, in a unit, with a legend for each query', (panel) => {
    expect(panel.description?.length).toBeGreaterThan(5);
    expect(panel.fieldConfig?.defaults.unit).toBeTruthy();
    const targets = panel.targets ?? [];
    expect(targets.length).toBeGreaterThan(0);
    expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
    for (const { legendFormat, expr } of targets) {
      expect(legendFormat).not.toBe('');
      // A legend names labels that are left after adding up.
      const left = /\bby \(([^)]*)\)/.exec(expr)?.[1]?.split(', ');
      const named = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label);
      if (left !== undefined) expect(left).toEqual(expect.arrayContaining(named));
    }
  });

  it('a panel more at the end of a row moves no link to another', () => {
    const panel = (title: string) => ({ title, description: '', unit: 'short' as const, queries: [] });
    const ids = (first: readonly string[]) => {
      const rows = [
        { title: 'first', panels: first.map(panel) },
        { title: 'second', panels: [panel('kept')] },
      ];
      const { panels } = grafanaModel({
        uid: 'x',
        title: 'x',
        description: '',
        variables: [],
        rows,
      }) as GrafanaDashboard;
      return panels.find(({ title }) => title === 'kept')?.id;
    };
    expect(ids(['a', 'b'])).toBe(ids(['a', 'b', 'c', 'd']));
  });

  it('fits into a ConfigMap that kubectl apply can write', () => {
    // An annotation, in which kubectl apply keeps what it applied, may have 256 KiB.
    expect(Buffer.byteLength(text)).toBeLessThan(200 * 1024);
  });
});
