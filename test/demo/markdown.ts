/** Code blocks of a Markdown text, so that a test can do what a reader is told to do. */

export interface Block {
  readonly language: string;
  readonly text: string;
}

export interface Section {
  readonly blocks: readonly Block[];
}

export interface Markdown {
  /** @throws Error when there is no such heading */
  section(heading: string): Section;
}

export function readMarkdown(text: string): Markdown {
  const parts = splitAtHeadings(text);
  return {
    section(heading) {
      const body = parts.get(heading);
      if (body === undefined) throw new Error(`no section "${heading}": there are ${[...parts.keys()].join(', ')}`);
      const found = body.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm);
      return { blocks: [...found].map(([, language = '', code = '']) => ({ language, text: code })) };
    },
  };
}

/** A line that begins with `#` inside a code block is a comment there, no heading. */
function splitAtHeadings(text: string): ReadonlyMap<string, string> {
  const parts = new Map<string, string>();
  let heading = '';
  let fenced = false;
  for (const line of text.split('\n')) {
    if (line.startsWith('```')) fenced = !fenced;
    const title = fenced ? undefined : /^#{1,6} (.+)$/.exec(line)?.[1];
    if (title !== undefined) heading = title;
    parts.set(heading, `${parts.get(heading) ?? ''}${title === undefined ? `${line}\n` : ''}`);
  }
  return parts;
}
