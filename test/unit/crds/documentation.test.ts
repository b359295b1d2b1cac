import { kindNames, kinds } from '@nauthera/crds';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { Problems } from '../../../crds/src/problem.ts';
import type { Structural } from '../../../crds/src/structural.ts';
import { walk } from '../../../crds/src/walk.ts';

interface Found {
  readonly path: string;
  readonly schema: Structural;
  readonly required: boolean;
}

function fields(schema: Structural, path: string): Found[] {
  const inside = schema.items ?? schema;
  return Object.entries(inside.properties ?? {}).flatMap(([name, property]) => {
    const here = `${path}.${name}`;
    return [
      { path: here, schema: property, required: inside.required?.includes(name) ?? false },
      ...fields(property, property.type === 'array' ? `${here}[]` : here),
    ];
  });
}

const all = kindNames.flatMap((kind) => {
  const { spec, status } = kinds[kind].schema.properties ?? {};
  return [...fields(spec as Structural, `${kind}.spec`), ...fields(status as Structural, `${kind}.status`)];
});

const line = (schema: Structural, start: string) =>
  schema.description?.split('\n').find((one) => one.startsWith(start));

describe('kubectl explain', () => {
  it('there are fields to document', () => expect(all.length).toBeGreaterThan(150));

  it.each(all)('$path: what it is, and an example', ({ schema }) => {
    expect(schema.description?.split('\n')[0]).toMatch(/^[A-Z].{10,}[.:]$/);
    expect(line(schema, 'Example: ')).toBeDefined();
  });

  it.each(all)('$path: default, what happens without it, or required', ({ schema, required }) => {
    const says = schema.default !== undefined || line(schema, 'Left out: ') !== undefined;
    expect(required || says).toBe(true);
    expect(required && says, 'a required field has neither').toBe(false);
  });

  it.each(
    all.filter(({ path, schema }) => path.includes('.spec') && schema.type !== 'object' && schema.type !== 'boolean'),
  )('$path: allowed values', ({ schema }) => expect(line(schema, 'Allowed: ')).toBeDefined());

  it.each(all)('$path: the example is allowed', ({ path, schema }) => {
    const example: unknown = parse((line(schema, 'Example: ') ?? '').slice('Example: '.length));
    const problems = new Problems();
    walk(schema, example, { path, problems });
    // An example of an object may show the members that matter and leave out required ones.
    expect(problems.list.filter(({ message }) => !message.startsWith('is required'))).toEqual([]);
  });

  it.each(all.filter(({ schema }) => schema.default !== undefined))(
    '$path: the default is allowed as it stands',
    ({ path, schema }) => {
      const problems = new Problems();
      expect(walk(schema, schema.default, { path, problems })).toEqual(schema.default);
      expect(problems.list).toEqual([]);
    },
  );

  it.each(kindNames)('%s: ends in the smallest one that works', (kind) => {
    const { description } = kinds[kind].schema;
    expect(description?.endsWith(`The smallest one that works:\n\n${kinds[kind].smallest}`)).toBe(true);
  });
});

/** Texts of a spec with their path; items of lists count. */
function texts(schema: Structural, path: string): readonly (readonly [string, Structural])[] {
  if (schema.type === 'string') return [[path, schema]];
  if (schema.items !== undefined) return texts(schema.items, `${path}[]`);
  return Object.entries(schema.properties ?? {}).flatMap(([name, one]) => texts(one, `${path}.${name}`));
}

const specTexts = kindNames.flatMap((kind) => texts(kinds[kind].schema.properties?.['spec'] as Structural, kind));
const durations = specTexts.filter(([, { pattern }]) => pattern !== undefined);

describe('no text is taken as it comes', () => {
  it.each(specTexts.filter(([, one]) => one.enum === undefined))('%s has a bound and a rule', (_path, schema) => {
    expect(schema.maxLength).toBeGreaterThan(0);
    expect(schema['x-kubernetes-validations']?.length).toBeGreaterThan(0);
  });

  it('lengths of time have these bounds', () => {
    const bounds = durations.map(([path, { description }]) => [
      path,
      /Allowed: .*?(\d+m?s|\d+m|\d+h) to (\w+)/
        .exec(description ?? '')
        ?.slice(1)
        .join(' to '),
    ]);
    expect(Object.fromEntries(bounds)).toEqual({
      'AuthorizationServer.lifetimes.authorizationCode': '10s to 60s',
      'AuthorizationServer.lifetimes.accessToken': '1m to 1h',
      'AuthorizationServer.lifetimes.idToken': '1m to 24h',
      'AuthorizationServer.lifetimes.refreshToken.idle': '5m to 8760h',
      'AuthorizationServer.lifetimes.refreshToken.absolute': '5m to 8760h',
      'AuthorizationServer.lifetimes.deviceCode': '1m to 10m',
      'AuthorizationServer.lifetimes.session.idle': '1m to 720h',
      'AuthorizationServer.lifetimes.session.absolute': '1m to 720h',
      'AuthorizationServer.signing.rotation.every': '1h to 17520h',
      'AuthorizationServer.signing.rotation.publishBefore': '10m to 720h',
      'AuthorizationServer.signing.rotation.retireAfter': '61m to 8760h',
      'AuthorizationServer.clientPolicies[].maxLifetimes.accessToken': '1m to 1h',
      'AuthorizationServer.clientPolicies[].maxLifetimes.refreshToken.idle': '5m to 8760h',
      'AuthorizationServer.clientPolicies[].maxLifetimes.refreshToken.absolute': '5m to 8760h',
      'Client.consent.rememberFor': '1m to 8760h',
      'Client.accessToken.lifetime': '1m to 1h',
      'Client.secret.rotation.every': '1h to 43800h',
      'Client.secret.rotation.overlap': '1h to 8760h',
      'Client.secret.rotation.quiet': '1h to 8760h',
      'Client.secret.rotation.maxOverlap': '1h to 43800h',
      'Client.refreshToken.idle': '5m to 8760h',
      'Client.refreshToken.absolute': '5m to 8760h',
      'LdapBinding.timeouts.connect': '100ms to 3s',
      'LdapBinding.recheck': '10s to 1h',
      'LdapBinding.timeouts.bind': '100ms to 3s',
      'LdapBinding.timeouts.search': '100ms to 3s',
    });
  });

  it.each(durations)('%s: what the text says is what the rule holds', (path, schema) => {
    const [, min = '', max = ''] =
      /must be from (\w+) to (\w+)/.exec(schema['x-kubernetes-validations']?.[0]?.message ?? '') ?? [];
    expect(schema.description).toContain(`${min} to ${max}`);
    const found = (value: string) => {
      const problems = new Problems();
      walk(schema, value, { path, problems });
      return problems.list.map(({ message }) => message);
    };
    expect([found(min), found(max)]).toEqual([[], []]);
    expect(found(`${max}1ms`)).toEqual([`must be from ${min} to ${max}`]);
    expect(found('9ms')).toEqual([`must be from ${min} to ${max}`]);
  });
});

describe('rules', () => {
  const rules = (schema: Structural): readonly { message: string }[] => [
    ...(schema['x-kubernetes-validations'] ?? []),
    ...(schema.items === undefined ? [] : rules(schema.items)),
    ...Object.values(schema.properties ?? {}).flatMap(rules),
  ];

  it.each([...new Set(kindNames.flatMap((kind) => rules(kinds[kind].schema)).map(({ message }) => message))])(
    'one line that says what to do: %s',
    (message) => {
      expect(message).not.toMatch(/\n/);
      expect(message.length).toBeLessThanOrEqual(420);
    },
  );
});
