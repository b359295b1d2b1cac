/** The frame of every page. */
import { type Html, html, type Value } from '../html.ts';

export function layout(page: { name: string; title: string; body: Value }): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${page.title} – Sample application</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/style.css">
</head>
<body data-page="${page.name}">
<header><a href="/">Sample application</a></header>
<main>
<h1>${page.title}</h1>
${page.body}
</main>
</body>
</html>
`.toString();
}

export interface Action {
  /** Of this application. */
  readonly path: string;
  readonly label: string;
  readonly id: string;
  readonly fields?: Readonly<Record<string, string>>;
  /** What most people do next. */
  readonly main?: boolean;
}

/** A button that posts. */
export function action({ path, label, id, fields = {}, main = false }: Action): Html {
  const hidden = Object.entries(fields).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  );
  return html`<form method="post" action="${path}">${hidden}<button${main && html` class="main"`} id="${id}">${label}</button></form>`;
}

export function problemPage(title: string, text: string): string {
  return layout({
    name: 'problem',
    title,
    body: html`<p>${text}</p>\n<p><a class="button" href="/">Back to the start</a></p>`,
  });
}
