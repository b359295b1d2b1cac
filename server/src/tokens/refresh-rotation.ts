/**
 * PURE. What a presented refresh token means (RFC 9700 §4.14.2).
 *
 * Why a spent token may come again for ten seconds: an answer that is lost on the way would otherwise cost an honest client
 * its grant, and clients that refresh in several places at once would end each other. The repeat gives the *same*
 * successor, never a second one, so at any time one token of the grant can be rotated. A thief who presents a stolen token
 * within the ten seconds gets that successor too; but then two parties hold one token, and whoever uses it second, more
 * than ten seconds after the first, ends the grant. Without the grace the thief who comes first gets exactly as much.
 */

export interface PresentedToken {
  /** The grant, and the session that it ends with, hold. */
  readonly live: boolean;
  readonly expired: boolean;
  readonly used: 'no' | 'grace' | 'spent';
}

export type RefreshDecision = 'rotate' | 'repeat' | 'replay' | 'ended' | 'expired';

export function decideRefresh({ live, expired, used }: PresentedToken): RefreshDecision {
  // What has ended cannot be ended again, however often the token comes.
  if (!live) return 'ended';
  switch (used) {
    case 'no':
      return expired ? 'expired' : 'rotate';
    case 'grace':
      return 'repeat';
    case 'spent':
      return 'replay';
  }
}
