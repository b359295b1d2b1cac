/** What a setting is, and what a command gets of a set of them. */

export interface Setting<T> {
  /** What it does, with unit and bounds. */
  readonly description: string;
  /** What stands for the value in help, e.g. `HOST:PORT`. */
  readonly placeholder: string;
  /** As text, as a user would write it; left out: the setting is required or simply absent. */
  readonly default?: string;
  readonly required?: boolean;
  /** The setting that this one stands in for: exactly one of the two is given. */
  readonly insteadOf?: string;
  /** Never printed; `NAUTHERA_<NAME>_FILE` names a file with the value. */
  readonly secret?: boolean;
  /** @throws RangeError whose message completes "must be …", without the value */
  readonly parse: (text: string) => T;
}

/** The values of a set of settings: absent ones without a default are `undefined`. */
export type Values<S extends Record<string, Setting<unknown>>> = {
  readonly [K in keyof S]: S[K] extends { readonly default: string } | { readonly required: true }
    ? ReturnType<S[K]['parse']>
    : ReturnType<S[K]['parse']> | undefined;
};
