/** In which forms a secret that leaked might stand in a text. */

/** As it is, URL-encoded, in hex, and within a longer text in base64 or base64url. */
export function spellings(secret: string): readonly string[] {
  const bytes = Buffer.from(secret);
  // The middle of a longer base64 text depends on where it begins.
  const inside = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .slice(shift === 0 ? 0 : 4, -4),
  );
  const all = [
    secret,
    encodeURIComponent(secret),
    bytes.toString('hex'),
    ...inside,
    ...inside.map((one) => one.replaceAll('+', '-').replaceAll('/', '_')),
  ];
  return [...new Set(all)];
}

/** Which secrets stand in which places, in any form: `<place>: <secret>`. */
export function secretsIn(places: ReadonlyMap<string, string>, secrets: ReadonlyMap<string, string>): string[] {
  return [...places].flatMap(([place, text]) =>
    [...secrets]
      .filter(([, secret]) => spellings(secret).some((one) => text.includes(one)))
      .map(([name]) => `${place}: ${name}`),
  );
}
