/**
 * Manifests and edits with what is wrong with them, in the words of `validate`: one table for the API server and for the
 * offline check. Valid ones have no problems.
 */
import { authentication } from './crds-verdicts/authentication.ts';
import { clients, mistakes } from './crds-verdicts/clients.ts';
import { directories } from './crds-verdicts/directories.ts';
import { flows } from './crds-verdicts/flows.ts';
import { pods } from './crds-verdicts/pods.ts';
import { scopes } from './crds-verdicts/scopes.ts';
import { servers } from './crds-verdicts/servers.ts';
import type { Verdict } from './crds-verdicts/words.ts';

export { mistakes } from './crds-verdicts/clients.ts';
export type { Verdict } from './crds-verdicts/words.ts';

export const verdicts: readonly Verdict[] = [
  ...mistakes,
  ...clients,
  ...flows,
  ...authentication,
  ...servers,
  ...pods,
  ...scopes,
  ...directories,
];
