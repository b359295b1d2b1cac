/** What is counted about secrets, where somebody counts. */
import type { SecretEvent } from './secret-terms.ts';

export interface SecretCounts {
  /** `nauthera_secret_rotations_total` by `outcome`. */
  rotation(outcome: 'rotated' | 'recreated' | 'retired'): void;
  /**
   * `nauthera_secret_rotations_blocked`: whether the rotation of a Client is kept from its end.
   *
   * @param uid of the Client
   */
  blocked(uid: string, isBlocked: boolean): void;
}

const outcomes: Readonly<Partial<Record<SecretEvent['reason'], Parameters<SecretCounts['rotation']>[0]>>> = {
  SecretRotated: 'rotated',
  SecretRecreated: 'recreated',
  OldSecretRetired: 'retired',
};

export function count(
  counts: SecretCounts | undefined,
  uid: string,
  secret: { readonly events: readonly SecretEvent[]; readonly blocked?: unknown } | undefined,
): void {
  if (counts === undefined) return;
  for (const { reason } of secret?.events ?? []) {
    const outcome = outcomes[reason];
    if (outcome !== undefined) counts.rotation(outcome);
  }
  counts.blocked(uid, secret?.blocked !== undefined);
}
