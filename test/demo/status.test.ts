import { expect, it } from 'vitest';
import { isNeeded } from '../../examples/src/demo/offers.ts';
import { brokenOf, followStatus, type Status } from '../../examples/src/demo/status.ts';

const aResource = (ready: boolean, message: string) => ({
  kind: 'Client',
  namespace: 'harbour',
  name: 'tide-table',
  ready,
  refused: !ready,
  reason: ready ? 'Ready' : 'InvalidSpec',
  message,
  secret: 'tide-table-oauth2',
});

it('the demo tells what came, broke, was mended and went, each once', async () => {
  const broken = 'tide-table.yaml:4:1 not valid YAML';
  const looks: Status[] = [
    { resources: [], problems: [] },
    { resources: [aResource(true, 'Served')], problems: [] },
    { resources: [aResource(false, broken)], problems: [broken] },
    { resources: [aResource(false, broken)], problems: [broken] },
    { resources: [aResource(true, 'Served')], problems: [] },
    { resources: [], problems: [] },
  ];
  const printed: string[] = [];
  let ended = (): void => undefined;
  const all = new Promise<void>((resolve) => {
    ended = resolve;
  });
  const follow = followStatus({
    look: () => {
      const next = looks.shift();
      if (next === undefined) ended();
      return Promise.resolve(next);
    },
    print: (line) => void printed.push(line),
    secretPath: (namespace, name) => `.demo/secrets/${namespace}/${name}.yaml`,
  });
  await all;
  await follow.stop();
  expect(printed).toEqual([
    'ready    Client harbour/tide-table: Served; its Secret is .demo/secrets/harbour/tide-table-oauth2.yaml',
    `refused  Client harbour/tide-table: ${broken}`,
    `problem  ${broken}`,
    'ready    Client harbour/tide-table: Served; its Secret is .demo/secrets/harbour/tide-table-oauth2.yaml',
    `solved   ${broken}`,
    'gone     Client harbour/tide-table',
  ]);
});

it('what people added and broke is told, and needed by nobody else', () => {
  const named = (namespace: string, name: string, kind = 'Client') => ({
    ...aResource(false, 'broken'),
    kind,
    namespace,
    name,
  });
  const status: Status = {
    resources: [
      named('harbour', 'tide-table'),
      { ...named('harbour', 'later'), refused: false, message: '', reason: 'ScopeNotFound' },
      { ...named('harbour', 'well'), ready: true },
      named('orders', 'courier'),
      named('harbour', 'courier'),
      named('harbour', 'berths', 'Scope'),
      named('auth', 'default', 'AuthorizationServer'),
    ],
    problems: ['tide-table.yaml:4:1 not valid YAML'],
  };
  expect(brokenOf(status, isNeeded)).toEqual([
    'refused  Client harbour/tide-table: broken',
    'waiting  Client harbour/later: ScopeNotFound',
    'refused  Client harbour/courier: broken',
    'refused  Scope harbour/berths: broken',
    'problem  tide-table.yaml:4:1 not valid YAML',
  ]);
});
