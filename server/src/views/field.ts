/** One line to fill in: label, hint, what went wrong with it, and the field itself. */
import { html, type SafeHtml } from './html.ts';
import type { FieldProblem } from './problem.ts';

export interface Field {
  /** Also its name. */
  readonly id: string;
  readonly label: string;
  readonly hint?: string | undefined;
  readonly attributes: SafeHtml;
  readonly focus: boolean;
  readonly problems: readonly FieldProblem[];
}

export function field({ id, label, hint, attributes, focus, problems }: Field): SafeHtml {
  const problem = problems.find((one) => one.field === id);
  const described = [
    ...(hint === undefined ? [] : [`${id}-hint`]),
    ...(problem === undefined ? [] : [`${id}-problem`]),
  ];
  const invalid = problem && html` aria-invalid="true"`;
  const by = described.length > 0 && html` aria-describedby="${described.join(' ')}"`;
  return html`<p class="field"><label for="${id}"><bdi>${label}</bdi></label>
${hint !== undefined && html`<span class="fine" id="${id}-hint"><bdi>${hint}</bdi></span>\n`}${problem && html`<span class="wrong" id="${id}-problem">${problem.text}</span>\n`}<input id="${id}" name="${id}" ${attributes} required${focus && html` autofocus`}${invalid}${by}></p>
`;
}
