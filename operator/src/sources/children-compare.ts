/**
 * Whether an object in the cluster still is what was applied, pure. What the API server fills in and what others add beside
 * ours is no difference; a value of ours that is another now, or gone, is one.
 */
import { isObject, type Json, type JsonObject } from './children.ts';

/** Lists whose items are told apart by these members (x-kubernetes-list-map-keys): others may add items of their own. */
const itemKeys: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  initContainers: ['name'],
  volumes: ['name'],
  env: ['name'],
  volumeMounts: ['mountPath'],
  imagePullSecrets: ['name'],
  topologySpreadConstraints: ['topologyKey', 'whenUnsatisfiable'],
  ownerReferences: ['uid'],
};

/** Maps that belong as a whole to whoever wrote them last (x-kubernetes-map-type: atomic): one entry more is another map. */
const whole: ReadonlySet<string> = new Set([
  'selector',
  'podSelector',
  'namespaceSelector',
  'labelSelector',
  'matchLabels',
  'nodeSelector',
]);

/** Where values are quantities: `1000m` is kept as `1`. */
const quantities: ReadonlySet<string> = new Set(['requests', 'limits']);

/** Path of the first difference; `undefined`: there is none. */
export function difference(wanted: JsonObject, found: JsonObject): string | undefined {
  return differs(wanted, found, []);
}

/**
 * What is wanted, with the values that the API server answered: what an admission changed is as it should be from then on,
 * and not changed back for ever.
 */
export function asAnswered(wanted: JsonObject, answer: JsonObject): JsonObject {
  const result = answered(wanted, answer, '');
  return isObject(result) ? result : wanted;
}

function answered(wanted: Json, answer: Json, name: string): Json {
  if (Array.isArray(wanted) && Array.isArray(answer)) {
    const keys = itemKeys[name] ?? portKeys(name, wanted);
    if (keys === undefined) return answer;
    return wanted.flatMap((item) => {
      const found = answer.find((one) => idOf(one, keys) === idOf(item, keys));
      return found === undefined ? [] : [answered(item, found, '')];
    });
  }
  if (!isObject(wanted) || !isObject(answer)) return answer;
  if (whole.has(name)) return answer;
  return Object.fromEntries(
    Object.entries(wanted).flatMap(([member, value]) => {
      const found = answer[member];
      return found === undefined ? [] : [[member, answered(value, found, member)] as const];
    }),
  );
}

function differs(wanted: Json, found: Json | undefined, path: readonly string[]): string | undefined {
  const here = path.join('.');
  const name = path.at(-1) ?? '';
  if (Array.isArray(wanted)) {
    if (!Array.isArray(found)) return wanted.length === 0 && found === undefined ? undefined : here;
    return listDiffers(wanted, found, name, path);
  }
  if (isObject(wanted)) {
    if (!isObject(found)) return Object.keys(wanted).length === 0 && found === undefined ? undefined : here;
    const mapped = whole.has(name) && Object.keys(found).length !== Object.keys(wanted).length;
    if (mapped) return here;
    for (const [member, value] of Object.entries(wanted)) {
      const first = differs(value, found[member], [...path, member]);
      if (first !== undefined) return first;
    }
    return undefined;
  }
  if (wanted === found) return undefined;
  const isQuantity = quantities.has(path.at(-2) ?? '');
  return isQuantity && isSameQuantity(wanted, found) ? undefined : here;
}

function listDiffers(
  wanted: readonly Json[],
  found: readonly Json[],
  name: string,
  path: readonly string[],
): string | undefined {
  const keys = itemKeys[name] ?? portKeys(name, wanted);
  if (keys === undefined) {
    if (wanted.length !== found.length) return path.join('.');
    return firstOf(wanted, (item, at) => differs(item, found[at], [...path, String(at)]));
  }
  return firstOf(wanted, (item) => {
    const id = idOf(item, keys);
    return differs(
      item,
      found.find((one) => idOf(one, keys) === id),
      [...path, id],
    );
  });
}

/** Ports of a container and of a Service; those of a NetworkPolicy are a plain list. */
function portKeys(name: string, wanted: readonly Json[]): readonly string[] | undefined {
  const [first] = wanted;
  if (name !== 'ports' || first === undefined || !isObject(first)) return undefined;
  if ('containerPort' in first) return ['containerPort', 'protocol'];
  return 'targetPort' in first ? ['port', 'protocol'] : undefined;
}

function idOf(item: Json, keys: readonly string[]): string {
  if (!isObject(item)) return JSON.stringify(item);
  return keys.map((key) => textOf(item[key] ?? (key === 'protocol' ? 'TCP' : ''))).join('/');
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function firstOf(items: readonly Json[], look: (item: Json, at: number) => string | undefined): string | undefined {
  for (const [at, item] of items.entries()) {
    const first = look(item, at);
    if (first !== undefined) return first;
  }
  return undefined;
}

const units: Readonly<Record<string, number>> = {
  '': 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

function isSameQuantity(one: Json | undefined, other: Json | undefined): boolean {
  const [mine, theirs] = [amountOf(one), amountOf(other)];
  return mine !== undefined && theirs !== undefined && Math.abs(mine - theirs) <= 1e-9 * Math.abs(mine);
}

function amountOf(quantity: Json | undefined): number | undefined {
  const [, digits = '', unit = ''] = /^([0-9.]+)([A-Za-z]*)$/.exec(textOf(quantity ?? '')) ?? [];
  const factor = units[unit];
  return digits === '' || factor === undefined ? undefined : Number(digits) * factor;
}
