/** PURE. The state of an account as the registration says to tell it, and which of two states counts. */
import { type Fold, foldText } from '../../protocol/distinguished-name.ts';
import type { DirectoryRegistration } from '../../registry/registration.ts';
import type { AccountState } from '../directory.ts';
import type { EntryReader } from './entry.ts';

export interface AccountStatus {
  readonly attributes: readonly string[];
  stateOf(entry: EntryReader): AccountState;
}

/** Whoever has two states is in the one that lets them do less; the sooner in this list. */
const strictestFirst: readonly AccountState[] = [
  'disabled',
  'expired',
  'locked',
  'must_change_password',
  'password_expired',
  'outside_hours',
];

export function strictest(states: readonly AccountState[]): AccountState {
  return strictestFirst.find((state) => states.includes(state)) ?? 'active';
}

const untold: AccountStatus = { attributes: [], stateOf: () => 'active' };

/** @param fold how the directory compares names; two values that it holds for equal count both */
export function accountStatus(status: DirectoryRegistration['account_status'], fold: Fold): AccountStatus {
  if (status === undefined) return untold;
  const { attribute, values, other_values, without_value } = status;
  const meaning = Map.groupBy(values, ({ value }) => fold(value));
  const lookalikes = Map.groupBy(values, ({ value }) => foldText(value));
  const statesOf = (text: string): readonly AccountState[] => {
    const meant = meaning.get(fold(text))?.map(({ state }) => state);
    // What only looks like a listed value opens nothing, and may shut.
    return meant ?? [other_values, ...(lookalikes.get(foldText(text)) ?? []).map(({ state }) => state)];
  };
  return {
    attributes: [attribute],
    stateOf(entry) {
      // A part of the values is not all of them, so nobody knows the others.
      if (entry.inParts(attribute)) return strictest([other_values, without_value]);
      const count = entry.bytes(attribute).length;
      if (count === 0) return without_value;
      const texts = entry.texts(attribute);
      return strictest([...texts.flatMap(statesOf), ...(texts.length < count ? [other_values] : [])]);
    },
  };
}
