import type { Database, Stop } from '../store/database.ts';
import { continues, cursorAfter, hearChanges, hintDelay, pollEvery, readPage } from './changes.ts';
import type { RegistrationKind } from './registration.ts';
import { Repeating } from './repeating.ts';
import type { Revision } from './snapshot.ts';

/** Of more rows at once nobody is told one by one. */
const mostChanges = 50_000;

type Changed = readonly { kind: RegistrationKind; id: string }[] | 'all';

/**
 * Tells which ids changed, without reading them: `all` at the start and after a new epoch. What `onChange` throws is
 * reported, and the same change told again.
 */
export async function followIds(
  database: Database,
  onChange: (changed: Changed) => void,
  onProblem: (problem: string) => void,
): Promise<Stop> {
  let known: Revision | undefined;
  let every: number = pollEvery.listening;
  const repeating = new Repeating({
    name: 'following the registry',
    every: () => every,
    onProblem,
    work: async () => {
      known = await tellChanges(database, known, onChange);
    },
  });
  const stop = await hearChanges(database, () => repeating.soon(hintDelay));
  if (stop === null) every = pollEvery.alone;
  repeating.soon(0);
  return async () => {
    await repeating.stop();
    await stop?.();
  };
}

async function tellChanges(
  database: Database,
  known: Revision | undefined,
  onChange: (changed: Changed) => void,
): Promise<Revision> {
  const changed = new Map<string, { kind: RegistrationKind; id: string }>();
  for (let cursor = cursorAfter(known ?? { epoch: '', n: Number.MAX_SAFE_INTEGER - 1 }); ; ) {
    const page = await readPage(database, cursor, 'ids');
    if (known === undefined || !continues(known, page)) {
      onChange('all');
      return page.revision;
    }
    for (const { kind, id } of page.rows) changed.set(`${kind}/${id}`, { kind, id });
    if (changed.size > mostChanges) {
      onChange('all');
      return page.revision;
    }
    if (page.complete) {
      if (changed.size > 0) onChange([...changed.values()]);
      return page.revision;
    }
    cursor = page.next;
  }
}
