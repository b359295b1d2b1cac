/** What counts as drift: a value of ours that is another now. What the API server fills in or others add beside ours does not. */
import { describe, expect, it } from 'vitest';
import { digestOf, type JsonObject } from '../../../operator/src/sources/children.ts';
import { asAnswered, difference } from '../../../operator/src/sources/children-compare.ts';

const wanted = (): JsonObject => ({
  metadata: { labels: { a: '1' }, ownerReferences: [{ uid: 'u', controller: true }] },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'x' } },
    template: {
      spec: {
        containers: [
          {
            name: 'server',
            image: 'i:1',
            args: ['serve'],
            env: [{ name: 'A', value: '1' }],
            ports: [{ name: 'https', containerPort: 8443 }],
            resources: { requests: { cpu: '1000m', memory: '0.5Gi' } },
            volumeMounts: [{ mountPath: '/tmp', name: 'tmp' }],
          },
        ],
        volumes: [{ name: 'tmp', emptyDir: {} }],
        tolerations: [],
      },
    },
    ingress: [{ from: [{ namespaceSelector: {} }], ports: [{ protocol: 'TCP', port: 8443 }] }],
  },
});

type Path = readonly (string | number)[];

/** A copy in which the value at a path is another; `undefined`: it is gone. */
function changed(path: Path, value: unknown): JsonObject {
  const copy = structuredClone(wanted()) as Record<string, unknown>;
  let at = copy as Record<string | number, unknown>;
  for (const step of path.slice(0, -1)) at = at[step] as Record<string | number, unknown>;
  const last = path.at(-1) ?? '';
  if (value === undefined) delete at[last];
  else at[last] = value;
  return copy as JsonObject;
}

const container: Path = ['spec', 'template', 'spec', 'containers', 0];

describe('nothing differs', () => {
  it.each<[string, Path, unknown]>([
    ['a field that the API server fills in', ['spec', 'revisionHistoryLimit'], 10],
    ['a label of somebody else', ['metadata', 'labels', 'theirs'], 'x'],
    ['an owner of somebody else', ['metadata', 'ownerReferences', 1], { uid: 'v' }],
    ['a default inside of ours', [...container, 'imagePullPolicy'], 'Always'],
    ['a variable of somebody else', [...container, 'env', 1], { name: 'B', value: '2' }],
    [
      'a container of somebody else before ours',
      ['spec', 'template', 'spec', 'containers'],
      [{ name: 'proxy' }, ((wanted()['spec'] as never)['template']['spec']['containers'] as JsonObject[])[0]],
    ],
    ['a port with the protocol that is the default', [...container, 'ports', 0, 'protocol'], 'TCP'],
    ['a quantity in another spelling', [...container, 'resources', 'requests'], { cpu: '1', memory: '512Mi' }],
    ['an empty list that is left out', ['spec', 'template', 'spec', 'tolerations'], undefined],
    ['an empty object that is left out', ['spec', 'template', 'spec', 'volumes', 0, 'emptyDir'], undefined],
    ['a status', ['status'], { replicas: 1 }],
  ])('%s', (_name, path, value) => {
    expect(difference(wanted(), changed(path, value))).toBeUndefined();
  });
});

describe('it differs, and the path is named', () => {
  it.each<[string, Path, unknown, string]>([
    ['another number', ['spec', 'replicas'], 5, 'spec.replicas'],
    ['a label that is gone', ['metadata', 'labels'], {}, 'metadata.labels.a'],
    ['an owner that is gone', ['metadata', 'ownerReferences'], [], 'metadata.ownerReferences.u'],
    ['another image', [...container, 'image'], 'i:2', 'spec.template.spec.containers.server.image'],
    [
      'another value of a variable',
      [...container, 'env', 0, 'value'],
      '2',
      'spec.template.spec.containers.server.env.A.value',
    ],
    [
      'one word more on the command line',
      [...container, 'args', 1],
      '--x',
      'spec.template.spec.containers.server.args',
    ],
    [
      'a quantity',
      [...container, 'resources', 'requests', 'cpu'],
      '2',
      'spec.template.spec.containers.server.resources.requests.cpu',
    ],
    ['a selector that asks for more', ['spec', 'selector', 'matchLabels', 'b'], 'y', 'spec.selector.matchLabels'],
    ['a rule more, which would let somebody in', ['spec', 'ingress', 1], {}, 'spec.ingress'],
    ['a peer more in a rule', ['spec', 'ingress', 0, 'from', 1], {}, 'spec.ingress.0.from'],
    ['everything', ['spec'], undefined, 'spec'],
  ])('%s', (_name, path, value, where) => {
    expect(difference(wanted(), changed(path, value))).toBe(where);
  });
});

describe('what an admission changes is not changed back for ever', () => {
  const mutated = () => changed([...container, 'image'], 'mirror.example.com/i:1');

  it('after the answer, that is what should stand there', () => {
    const expected = asAnswered(wanted(), mutated());
    expect(difference(wanted(), mutated())).toBeDefined();
    expect(difference(expected, mutated())).toBeUndefined();
  });

  it('and another change is still one', () => {
    const expected = asAnswered(wanted(), mutated());
    expect(difference(expected, wanted())).toBe('spec.template.spec.containers.server.image');
    expect(difference(expected, changed(['spec', 'replicas'], 5))).toBe('spec.replicas');
  });

  it('what others added meanwhile is not among it', () => {
    const answer = changed([...container, 'env', 1], { name: 'B', value: '2' });
    const expected = asAnswered(wanted(), answer);
    expect(difference(expected, wanted())).toBeUndefined();
  });
});

describe('the digest of what is wanted', () => {
  it('is the same in whatever order, and another for another wish', () => {
    expect(digestOf({ a: 1, b: [{ c: 2, d: 3 }] })).toBe(digestOf({ b: [{ d: 3, c: 2 }], a: 1 }));
    expect(digestOf({ a: [1, 2] })).not.toBe(digestOf({ a: [2, 1] }));
    expect(digestOf({ a: 1 })).not.toBe(digestOf({}));
  });
});
