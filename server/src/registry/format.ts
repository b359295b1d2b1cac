/**
 * Which format a row needs. Versions N−1 and N serve one registry together, and a reader leaves out what it does not know: so
 * a row carries the smallest format that knows all of its members, and none is written that a live replica does not know.
 */
import type { RegistrationKind } from './registration.ts';
import type { Registration } from './registry.ts';

/** Every version reads it. */
export const oldestFormat = 1;

/**
 * Members of a registration that a version brought after the first one, with the format that knows them. A new member gets its
 * line here, and `registrationFormat` is raised with the first of a version.
 */
export const membersSince: Readonly<Record<RegistrationKind, Readonly<Record<string, number>>>> = {
  server: {},
  client: {},
  scope: {},
  directory: {},
};

export function formatOf({ kind, value }: Registration): number {
  const since = membersSince[kind];
  return Object.keys(value).reduce((format, member) => Math.max(format, since[member] ?? oldestFormat), oldestFormat);
}
