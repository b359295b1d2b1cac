/** Whether groups can be seen at all: a service account that may not read them is told that there are none. */
import { askServers, entriesOf } from './ask.ts';
import { type Asking, questionOf } from './find.ts';

/**
 * One search. `true` also where nobody asks for groups.
 *
 * @param preferred URL of the server that showed none
 * @throws DirectoryUnavailable
 */
export function showsGroups(asking: Asking, signal: AbortSignal, preferred: string): Promise<boolean> {
  const command = asking.reading().anyGroup;
  if (command === null) return Promise.resolve(true);
  return askServers(questionOf(asking, signal, preferred), (asked) =>
    asked.search(async (searcher) => (await entriesOf(searcher, command)).entries.length > 0, signal),
  );
}
