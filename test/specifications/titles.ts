/** The tests that a source file declares, read from the source: nothing of it is run. */
import { parseAst } from 'vitest/node';

/** Titles from the outermost `describe` to the test, as they are written (`%s` and the like stay). */
export type TitlePath = readonly string[];

export interface DeclaredTests {
  readonly tests: readonly TitlePath[];
  /** Every string that stands in the file, without titles: the rows of its tables among them. */
  readonly texts: readonly string[];
}

interface Node {
  readonly type: string;
  readonly [member: string]: unknown;
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

function children(node: Node): readonly Node[] {
  return Object.values(node).flatMap((member) => (Array.isArray(member) ? member : [member]).filter(isNode));
}

/** `it`, `describe.each`, `it.skipIf(…)`: the words of a callee, calls in between left out; nothing for other callees. */
function words(callee: unknown): readonly string[] {
  if (!isNode(callee)) return [];
  if (callee.type === 'Identifier') return [String(callee['name'])];
  if (callee.type === 'CallExpression') return words(callee['callee']);
  if (callee.type === 'TaggedTemplateExpression') return words(callee['tag']);
  if (callee.type !== 'MemberExpression' || !isNode(callee['property'])) return [];
  return [...words(callee['object']), String(callee['property']['name'])];
}

/** The text of a string or template; what a template inserts reads `%s`. */
function text(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  if (node.type === 'Literal') return typeof node['value'] === 'string' ? node['value'] : undefined;
  if (node.type !== 'TemplateLiteral' || !Array.isArray(node['quasis'])) return undefined;
  return node['quasis'].map((part: { value: { cooked: string } }) => part.value.cooked).join('%s');
}

/**
 * What `source` (TypeScript) declares. A test that is skipped or still to be written proves nothing and is left out,
 * with everything inside of such a `describe`.
 * @throws when it cannot be parsed
 */
export function declaredTests(source: string): DeclaredTests {
  const tests: TitlePath[] = [];
  const texts: string[] = [];
  const visit = (node: Node, around: TitlePath): void => {
    const [kind, ...modifiers] = node.type === 'CallExpression' ? words(node['callee']) : [];
    const [first, ...others] = Array.isArray(node['arguments']) ? node['arguments'] : [];
    const title = kind === 'describe' || kind === 'it' || kind === 'test' ? text(first) : undefined;
    if (title === undefined) {
      const own = text(node);
      if (own !== undefined) texts.push(own);
      for (const child of children(node)) visit(child, around);
      return;
    }
    if (modifiers.some((word) => word === 'skip' || word === 'todo')) return;
    const path = [...around, title];
    if (kind !== 'describe') tests.push(path);
    for (const child of [node['callee'], ...others].filter(isNode)) visit(child, kind === 'describe' ? path : around);
  };
  visit({ type: 'Program', body: parseAst(source, { lang: 'ts' }).body }, []);
  return { tests, texts };
}
