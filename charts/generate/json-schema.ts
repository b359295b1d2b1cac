/** PURE. JSON Schema (draft 7) from the structural schema of a CustomResourceDefinition, strict: no field that it lacks. */

export type JsonSchema = Readonly<Record<string, unknown>>;

const kept = 'type enum minLength maxLength pattern minimum maximum minItems maxItems maxProperties required'.split(
  ' ',
);

/** What the API server alone can judge (rules, formats, keys of lists) is left to it. */
export function jsonSchemaOf(structural: unknown): JsonSchema {
  if (!isRecord(structural)) throw new TypeError('not a schema');
  const { items, properties, additionalProperties } = structural;
  const inner = isRecord(properties)
    ? {
        additionalProperties: false,
        properties: Object.fromEntries(Object.entries(properties).map(([name, one]) => [name, jsonSchemaOf(one)])),
      }
    : additionalProperties === undefined
      ? {}
      : { additionalProperties: jsonSchemaOf(additionalProperties) };
  return {
    ...Object.fromEntries(
      kept.filter((word) => structural[word] !== undefined).map((word) => [word, structural[word]]),
    ),
    ...(structural['x-kubernetes-list-type'] === 'set' ? { uniqueItems: true } : {}),
    ...(items === undefined ? {} : { items: jsonSchemaOf(items) }),
    ...inner,
  };
}

/** The same, and the empty text, at this path of properties. @throws RangeError there is no such property */
export function orEmpty(schema: JsonSchema, [name, ...rest]: readonly string[]): JsonSchema {
  if (name === undefined) return { anyOf: [{ type: 'string', maxLength: 0 }, schema] };
  const { properties } = schema;
  if (!isRecord(properties) || !isRecord(properties[name])) throw new RangeError(`the schema has no ${name}`);
  return { ...schema, properties: { ...properties, [name]: orEmpty(properties[name], rest) } };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
