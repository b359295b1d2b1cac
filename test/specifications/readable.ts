/** The title of a test as a reader of the pages sees it. */

/** Our own numbers of attacks, faults, invariants and mistakes, which say nothing to a reader. */
const ownNumber = /^(?:[AFM]\d{2}|I\d{1,2})$/;
const placeholder = /%[sjidfo]/g;

/** @param row of the test's table, the one that is meant; it stands in place of the first placeholder, others become “…”. */
export function readable(title: string, row?: string): string {
  const parts = title.split(' › ').map(withoutNumbers);
  const whole = parts.join(' › ');
  if (row === undefined) return whole.replaceAll(placeholder, '…');
  const words = withoutNumbers(row);
  const at = whole.search(placeholder);
  if (at < 0) return `${whole}: ${words}`;
  return `${whole.slice(0, at)}${words}${whole.slice(at + 2)}`.replaceAll(placeholder, '…');
}

/** `RFC 6749 §3.1, A03: twice` → `RFC 6749 §3.1: twice`; `A09: stays here` → `stays here` */
function withoutNumbers(text: string): string {
  const [, before, rest] = /^([^:]{1,60}): (.+)$/s.exec(text) ?? [];
  if (before === undefined || rest === undefined) return text;
  const kept = before.split(', ').filter((word) => !ownNumber.test(word));
  return kept.length === 0 ? rest : `${kept.join(', ')}: ${rest}`;
}
