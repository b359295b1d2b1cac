/**
 * What the page of specifications is made of. A line says what a section asks for in our words, whether we do it, and which
 * tests prove it.
 *
 * A proof is written `flows/authorize: title`, the file below `test` without its ending, then the test's title as it
 * stands in the source; where the title alone is not unique in the file, the titles around it come first, with ` › `
 * between them. {@link row} adds a row of the test's table.
 */
export type Proof = string | TableRow;

export interface TableRow {
  readonly test: string;
  /** A text that stands in the file, as it is written there. */
  readonly row: string;
}

export interface Line {
  readonly section: string;
  readonly says: string;
  readonly support: 'yes' | 'on condition' | 'no';
  /** The condition, or the error that is answered. */
  readonly remark?: string;
  /** None: nothing proves it yet, and the page says so. */
  readonly proofs: readonly Proof[];
}

export interface Specification {
  /** As one refers to it: `RFC 6749`. */
  readonly name: string;
  readonly title: string;
  readonly url: string;
  readonly about?: string;
  readonly lines: readonly Line[];
}

/** Done, always. */
export const yes = (section: string, says: string, ...proofs: readonly Proof[]): Line => ({
  section,
  says,
  support: 'yes',
  proofs,
});

/** Done where `condition` holds: it reads on from “when”. */
export const when = (section: string, condition: string, says: string, ...proofs: readonly Proof[]): Line => ({
  section,
  says,
  support: 'on condition',
  remark: condition,
  proofs,
});

/** Not done. `answer`: the exact error, or what is there instead. */
export const no = (section: string, answer: string, says: string, ...proofs: readonly Proof[]): Line => ({
  section,
  says,
  support: 'no',
  remark: answer,
  proofs,
});

export const row = (test: string, text: string): TableRow => ({ test, row: text });
