/**
 * PURE. Which names of groups stand for the same group. Whoever may make a group somewhere must not pass for another one by a name
 * that looks like its name, so it is as each kind of directory compares, and narrower where nobody can tell.
 */
import { type Fold, foldCase, foldPrepared } from '../protocol/distinguished-name.ts';
import type { DirectoryRegistration } from '../registry/registration.ts';

/** OpenLDAP prepares what it compares (RFC 4518): what its fold takes for one name, it does. The others prepare less or nothing. */
export function groupFold(vendor: DirectoryRegistration['vendor']): Fold {
  return vendor === 'openldap' ? foldPrepared : foldCase;
}
