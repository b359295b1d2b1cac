/** PURE. From a list of rows and panels to the model of a dashboard that Grafana 10 and newer read. */

/** Units as Grafana calls them. */
export type Unit = 'short' | 'reqps' | 'ops' | 's' | 'bytes' | 'percentunit' | 'none';

export interface Query {
  readonly expression: string;
  /** With `{{label}}`. */
  readonly legend: string;
}

export interface Panel {
  readonly title: string;
  /** What it shows, and how it looks when something is wrong. */
  readonly description: string;
  readonly unit: Unit;
  readonly queries: readonly Query[];
  /** Of 24 columns. Default 8. */
  readonly width?: 6 | 8 | 12 | 24;
  /** `stat`: the newest value alone, in large. Default `timeseries`. */
  readonly type?: 'timeseries' | 'stat';
  /** Adds what is on top of each other up. Default false. */
  readonly stacked?: true;
  /** From here on it is red. Colours the value of a `stat`, draws a line otherwise. */
  readonly redFrom?: number;
  /** Below it is red. */
  readonly redBelow?: number;
  /** May be below zero. Default false. */
  readonly signed?: true;
}

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

export interface Variable {
  readonly name: string;
  readonly label: string;
  readonly query: string;
  /** What "All" stands for. Left out: every value that the query yields. */
  readonly all?: string;
}

const height = 8;
const columns = 24;
const datasource = { type: 'prometheus', uid: '${datasource}' };

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly variables: readonly Variable[];
  readonly rows: readonly Row[];
}

/** Ids are those of the row and the place in it: a panel that is added at the end of a row moves no link. */
export function grafanaModel({ uid, title, description, variables, rows }: Dashboard): object {
  const panels: object[] = [];
  let y = 0;
  for (const [index, row] of rows.entries()) {
    const id = (index + 1) * 100;
    panels.push({
      id,
      type: 'row',
      title: row.title,
      collapsed: false,
      panels: [],
      gridPos: { x: 0, y, w: columns, h: 1 },
    });
    y += 1;
    let x = 0;
    for (const [place, panel] of row.panels.entries()) {
      const w = panel.width ?? 8;
      if (x + w > columns) {
        x = 0;
        y += height;
      }
      panels.push(panelModel(panel, id + place + 1, { x, y, w, h: height }));
      x += w;
    }
    y += height;
  }
  return {
    uid,
    title,
    description,
    tags: ['nauthera'],
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    schemaVersion: 39,
    style: 'dark',
    time: { from: 'now-3h', to: 'now' },
    timezone: 'browser',
    version: 1,
    annotations: { list: [] },
    links: [],
    templating: { list: [datasourceVariable, ...variables.map(variableModel)] },
    panels,
  };
}

const datasourceVariable = {
  name: 'datasource',
  label: 'Data source',
  type: 'datasource',
  query: 'prometheus',
  hide: 0,
  includeAll: false,
  multi: false,
  refresh: 1,
};

function variableModel({ name, label, query, all }: Variable): object {
  return {
    name,
    label,
    type: 'query',
    datasource,
    definition: query,
    query: { query, refId: name },
    hide: 0,
    includeAll: true,
    ...(all === undefined ? {} : { allValue: all }),
    current: { selected: true, text: ['All'], value: ['$__all'] },
    multi: true,
    refresh: 2,
    sort: 1,
  };
}

function panelModel(panel: Panel, id: number, gridPos: object): object {
  const { title, description, type = 'timeseries', queries } = panel;
  return {
    id,
    type,
    title,
    description,
    datasource,
    gridPos,
    fieldConfig: {
      defaults: { ...fieldDefaults(panel), ...(type === 'stat' ? {} : { custom: graph(panel) }) },
      overrides: [],
    },
    options: type === 'stat' ? statOptions : graphOptions,
    targets: queries.map(({ expression, legend }, index) => ({
      refId: String.fromCharCode('A'.charCodeAt(0) + index),
      datasource,
      expr: expression,
      legendFormat: legend,
      editorMode: 'code',
      range: true,
    })),
  };
}

function fieldDefaults({ unit, type, signed, redFrom, redBelow }: Panel): object {
  const steps =
    redBelow === undefined
      ? [{ color: 'green', value: null }, ...(redFrom === undefined ? [] : [{ color: 'red', value: redFrom }])]
      : [
          { color: 'red', value: null },
          { color: 'green', value: redBelow },
        ];
  return {
    unit,
    ...(signed === true ? {} : { min: 0 }),
    color: { mode: type === 'stat' ? 'thresholds' : 'palette-classic' },
    thresholds: { mode: 'absolute', steps },
  };
}

function graph({ stacked, redFrom, redBelow }: Panel): object {
  return {
    drawStyle: 'line',
    lineWidth: 1,
    fillOpacity: stacked === true ? 25 : 5,
    showPoints: 'never',
    spanNulls: false,
    stacking: { mode: stacked === true ? 'normal' : 'none', group: 'A' },
    thresholdsStyle: { mode: redFrom === undefined && redBelow === undefined ? 'off' : 'dashed' },
  };
}

const graphOptions = {
  legend: { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] },
  tooltip: { mode: 'multi', sort: 'desc' },
};

const statOptions = {
  colorMode: 'value',
  graphMode: 'area',
  justifyMode: 'auto',
  orientation: 'auto',
  textMode: 'auto',
  reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
};
