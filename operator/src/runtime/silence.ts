/** Milliseconds since the API server told anything of a kind; `undefined`: not everything of it is known yet. */
export type Silences = Readonly<Record<string, number | undefined>>;

/** Who has heard nothing for so long is not ready: what it knows may be old. Milliseconds. */
const deaf = 120_000;

/** Nothing watched is nothing missed: a process that waits for the Lease is ready to take over. */
export function hears(silences: Silences): boolean {
  return Object.values(silences).every((silent) => silent !== undefined && silent <= deaf);
}
