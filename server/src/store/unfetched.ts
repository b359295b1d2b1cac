/**
 * What was said yes to and not fetched yet: codes, and approvals of devices. Whoever ends grants stops these first, in a
 * statement of its own of the same transaction. It waits for a redemption that is under way, and the statement after it sees
 * the grant which that made; a redemption that comes later finds a code that never was good. So no grant slips between.
 */

/**
 * `UPDATE …` of both tables. Their end is put to when they were made, not to now: a redemption that waited for this one may
 * have begun earlier, and its clock stands still since.
 *
 * @param mine condition on `subject` and `client_uid`.
 */
export function stopUnfetched(mine: string): { readonly codes: string; readonly devices: string } {
  return {
    codes: `UPDATE authorization_codes SET expires_at = created_at WHERE ${mine} AND used_at IS NULL AND expires_at > now()`,
    devices: `UPDATE device_codes SET expires_at = created_at
      WHERE ${mine} AND outcome = 'approved' AND used_at IS NULL AND expires_at > now()`,
  };
}
