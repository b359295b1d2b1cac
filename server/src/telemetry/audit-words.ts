/** What each audit event means and where it is told: for the reference page alone. */
import type { AuditEventName } from './audit.ts';

export interface EventWords {
  /** `row`: in the table, by the statement that changes; `line`: in the log; `both`. */
  readonly told: 'row' | 'line' | 'both';
  /** One sentence without a full stop. */
  readonly about: string;
}

const row = (about: string): EventWords => ({ told: 'row', about });
const line = (about: string): EventWords => ({ told: 'line', about });
const both = (about: string): EventWords => ({ told: 'both', about });

export const auditWords: Readonly<Record<AuditEventName, EventWords>> = {
  'login.succeeded': both('Somebody signed in; with the session that began or went on'),
  'login.failed': both('A sign-in was refused; `reason` says why. One that a limit refused is a line alone'),
  'session.started': line('A session began; its row is that of the sign-in'),
  'session.ended': both('A session ended: by its user, by another user of the same browser, by its directory, by hand'),
  'consent.given': both('A user said yes, and the directory confirmed it; `rule` names the consent rules that decided'),
  'consent.denied': both('A user said no'),
  'consent.verified': both(
    'The directory decided: it confirmed what was remembered or needs no question, or refused it; `reason` says why, in the exact state of the account where that is it (`gone`: the entry is there no more). Where it could not be asked, the outcome is `failure`, in a line alone',
  ),
  'consent.withdrawn': both('A user took back what was remembered'),
  'code.issued': line('An application was given an authorization code; its row is that of the yes'),
  'token.issued': both('Tokens were issued. What a client got for itself (`client_credentials`) is a line alone'),
  'token.refreshed': both('A refresh token was used; `rule` names the consent rules that decided again'),
  'token.refused': line(
    'A refresh token was refused for now: the directory could not be asked, or the account is outside its hours. Nothing was spent',
  ),
  'token.revoked': both('A token was revoked by its client, or all of a client by hand or with its secret'),
  'grant.ended': both(
    'What a user allowed a client ended; `reason` says why. Of a user who left it is `gone`, or the state of the account, and all that they allowed ended',
  ),
  'replay.detected': both('A code or refresh token that was spent came again; its grant ended'),
  'device.started': line('A device asked for a code'),
  'device.approved': both('A user said yes to a device, and the directory confirmed it'),
  'device.denied': both('A user said no to a device, or the directory did'),
  'password.changed': both('A user changed their password in the directory; other sessions of theirs ended'),
  'password.refused': both(
    'A user did not change their password, `reason` says why: `credentials` (the current one was wrong), `not_allowed`, what the directory said of the new one (`too_short`, `in_history`, `too_young`, `no_match_policy`, `unknown`), `outcome_unknown` (its answer was lost: the new one may hold, and other sessions end as if it did); where a limit refused it, a line alone',
  ),
  'client.authentication_failed': line(
    'A client did not prove who it is. An id that is not registered is not named: it may be a password that was typed there',
  ),
  'registration.put': row('Registrations were written; one Client alone is named with uid, generation and policy'),
  'registration.deleted': row('A registration was removed'),
  'registration.rejected': line('A replica left out a registration, and why'),
  'secret.rotated': row('A Client has a new secret'),
  'secret.retired': row('A secret of a Client is accepted no longer'),
  'key.published': row('A signing key was made and is in the key set'),
  'key.activated': row('A signing key signs from now on'),
  'key.retired': row('A signing key was removed, after its last token'),
  'key.revoked': row('A signing key is refused everywhere'),
  'leaver.ended': both(
    'The sweep found that a user left; every session and grant of theirs ended. `reason` is `gone`, or the state of the account',
  ),
  'sweep.halted': both('The sweep would have ended too many users of a directory, and ended nobody'),
  'restore.completed': row('A backup was put back: nothing that was given before counts any more'),
};
