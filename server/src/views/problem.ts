/** What went wrong with a form: the summary above it, and the same words above the field. */
import { html, type SafeHtml } from './html.ts';
import type { Language } from './messages.ts';

export interface FieldProblem {
  readonly text: string;
  /** Id of the field that has it; left out: the form as a whole. */
  readonly field?: string | undefined;
}

/** Takes the focus when the page opens, so that a screen reader begins here. */
export function problemSummary(language: Language, problems: readonly FieldProblem[]): SafeHtml | undefined {
  if (problems.length === 0) return undefined;
  const items = problems.map(({ text, field }) =>
    field === undefined ? html`<li>${text}</li>\n` : html`<li><a href="#${field}">${text}</a></li>\n`,
  );
  return html`<div id="problem" role="alert" tabindex="-1" autofocus>
<h2>${language.say('problem.title')}</h2>
<ul>
${items}</ul>
</div>
`;
}
