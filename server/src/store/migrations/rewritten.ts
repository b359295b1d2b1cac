/**
 * A function of the database with some of its text replaced; all else stays as the migrations before left it. A text that is
 * not there ends the migration: it was written for another version of the function.
 *
 * @param replacements each text and what stands in its place, in this order; none holds `$rewritten$` or `$part$`
 * @returns one statement
 */
export function rewritten(name: string, replacements: readonly (readonly [text: string, by: string])[]): string {
  const pairs = replacements.map(([text, by]) => `[$part$${text}$part$, $part$${by}$part$]`);
  return `DO $rewritten$
DECLARE
  text_ text := pg_get_functiondef('${name}'::regproc);
  pair_ text[];
BEGIN
  FOREACH pair_ SLICE 1 IN ARRAY ARRAY[
    ${pairs.join(',\n    ')}
  ] LOOP
    IF position(pair_[1] IN text_) = 0 THEN RAISE EXCEPTION '${name} has no "%"', pair_[1]; END IF;
    text_ := replace(text_, pair_[1], pair_[2]);
  END LOOP;
  EXECUTE text_;
END $rewritten$`;
}
