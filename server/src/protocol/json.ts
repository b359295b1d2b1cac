/** PURE. What `JSON.parse` gives, looked at. */

/** An object, as opposed to a list, `null` and what is no object. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
