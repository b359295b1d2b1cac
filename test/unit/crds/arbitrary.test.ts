import { kindNames, kinds, type Resource, validate } from '@nauthera/crds';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accepted, manifest } from './builders.ts';

interface Shape {
  readonly type: string;
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly items?: Shape;
}

/** Values that look right: known names, right types, odd contents. They reach the rules that noise never reaches. */
function near(schema: Shape): fc.Arbitrary<unknown> {
  const wrong = fc.jsonValue({ maxDepth: 2 });
  const mostly = (right: fc.Arbitrary<unknown>) =>
    fc.oneof({ weight: 12, arbitrary: right }, { weight: 1, arbitrary: wrong });
  if (schema.enum !== undefined) return mostly(fc.constantFrom(...schema.enum));
  if (schema.type === 'string')
    return mostly(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.constantFrom('5m', '1h', 'a', 'https://a.example/cb', '(uid={})', 'dc=a', 'u_x'),
      ),
    );
  if (schema.type === 'array') return mostly(fc.array(near(schema.items ?? { type: 'string' }), { maxLength: 4 }));
  if (schema.type === 'object' && schema.properties !== undefined)
    return mostly(
      fc.record(Object.fromEntries(Object.entries(schema.properties).map(([name, one]) => [name, near(one)])), {
        requiredKeys: [],
      }),
    );
  if (schema.type === 'object') return mostly(fc.dictionary(fc.string(), fc.string(), { maxKeys: 4 }));
  return mostly(schema.type === 'boolean' ? fc.boolean() : fc.integer());
}

describe.each(kindNames)('%s', (kind) => {
  const spec = near(kinds[kind].schema.properties?.['spec'] as Shape);

  it('A79: validate answers whatever it is given', () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, withBigInt: true, withDate: true }), (next) => {
        expect(typeof validate(kind, next).ok).toBe('boolean');
      }),
      { numRuns: 100 },
    );
  });

  it('what is accepted is accepted again, unchanged; an edit of it is judged too', () => {
    let before: Resource = accepted(kind, manifest(kind));
    fc.assert(
      fc.property(spec, (one) => {
        const result = validate(kind, { ...manifest(kind), spec: one }, before);
        if (!result.ok) {
          expect(result.problems.length).toBeGreaterThan(0);
          for (const { path, message } of result.problems) expect(`${path}${message}`).not.toMatch(/[\n\r]/);
          return;
        }
        expect(validate(kind, result.resource, result.resource)).toEqual(result);
        before = result.resource;
      }),
      { numRuns: 100 },
    );
  });
});

describe('A79: deep and huge documents', () => {
  const nest = (depth: number) => {
    let value: unknown = 'x';
    for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? [value] : { a: value };
    return value;
  };
  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;

  it.each<[string, Record<string, unknown>]>([
    ['deep where nothing is known', { unknown: nest(50_000) }],
    ['deep where a text is expected', { displayName: nest(50_000) }],
    ['deep where a list is expected', { redirectUris: nest(50_000) }],
    ['turning in circles', { access: cycle, unknown: cycle }],
    ['a list of a hundred thousand', { redirectUris: Array.from({ length: 100_000 }, () => 'https://a.example/cb') }],
    ['a text of five million', { displayName: 'x'.repeat(5_000_000) }],
    ['a hundred thousand fields', Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`f${index}`, 1]))],
    [
      'a hundred thousand keys',
      { secret: { keys: Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`k${index}`, 'x'])) } },
    ],
    [
      'thirty-two long URIs that nearly match',
      { redirectUris: Array.from({ length: 32 }, (_, index) => `https://a.example/${'%25'.repeat(670)}${index}`) },
    ],
    ['fifty dotted names', { scopes: Array.from({ length: 50 }, (_, index) => `${'a.'.repeat(60)}${index}"`) }],
  ])('%s: refused without walking it', (_title, spec) => {
    const started = performance.now();
    const result = validate('Client', manifest('Client', spec));
    const took = performance.now() - started;
    expect(result.ok && !_title.startsWith('thirty')).toBe(false);
    // A deadline with a wide margin, not a latency: each takes milliseconds.
    expect(took).toBeLessThan(5000);
  });

  it('a name from a prototype is just a name', () => {
    const next: unknown = JSON.parse(
      '{"apiVersion":"auth.nauthera.io/v1alpha1","kind":"Client","metadata":{"name":"web","labels":{"__proto__":"x"}},"spec":{"redirectUris":["https://a.example"],"secret":{"keys":{"__proto__":"x","constructor":"y"}}}}',
    );
    const result = validate('Client', next);
    expect(result.ok ? [] : result.problems.map(({ path }) => path)).toEqual(['spec.secret.keys']);
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });
});
