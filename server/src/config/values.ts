/** PURE. Values of settings that are written alike everywhere. */

/** @throws RangeError whose message completes "must be …" */
export const oneOf =
  <const T extends readonly string[]>(values: T) =>
  (text: string): T[number] => {
    const found = values.find((value) => value === text);
    if (found === undefined) throw new RangeError(`one of ${values.join(', ')}`);
    return found;
  };

/** Of a file or folder. @throws RangeError whose message completes "must be …" */
export function path(text: string): string {
  if (text === '' || text.includes('\0')) throw new RangeError('a path');
  return text;
}
