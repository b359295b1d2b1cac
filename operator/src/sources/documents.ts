/** YAML files as documents that know where each of their fields stands, so that a finding can name line and column. */
import {
  type Document,
  type ErrorCode,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  visit,
  type YAMLError,
} from 'yaml';

/** One finding: `file:line:column field: what was found: what to do`. */
export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** `spec.redirectUris[0]`, or empty when the document as a whole is meant. */
  readonly field: string;
  /** What was found, then what to do. */
  readonly message: string;
}

export type FieldPath = readonly (string | number)[];

export interface SourceDocument {
  readonly file: string;
  readonly content: Readonly<Record<string, unknown>>;
  /** Where a field stands; for one that is not there, the closest field above it. Counted from 1. */
  position(path: FieldPath): { readonly line: number; readonly column: number };
}

export interface Documents {
  readonly documents: readonly SourceDocument[];
  /** Not empty: nothing of the file counts, as half of it may be missing. */
  readonly problems: readonly Problem[];
}

/** Times that one document may repeat an anchor: a few lines of aliases can describe gigabytes. */
const aliasLimit = 100;

export function formatProblem(problem: Problem): string {
  const field = problem.field === '' ? '' : ` ${problem.field}:`;
  return `${problem.file}:${problem.line}:${problem.column}${field} ${problem.message}`;
}

/** `spec.redirectUris[0]` → its steps. */
export function parseField(field: string): FieldPath {
  return [...field.matchAll(/\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|([^.[\]]+)/g)].map(([, index, quoted, name]) =>
    index !== undefined ? Number(index) : (quoted ?? name ?? ''),
  );
}

/** Every document of a file. Empty ones are left out. */
export function readDocuments(file: string, text: string): Documents {
  const lines = new LineCounter();
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const problem = (offset: number, message: string): Problem => ({ file, ...at(offset), field: '', message });
  try {
    const parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, merge: true, strict: true });
    if (!Array.isArray(parsed)) return { documents: [], problems: [] };
    // The first of a document: what follows is mostly its consequence.
    const problems = parsed.flatMap((document) => {
      const all = [...document.errors, ...document.warnings].sort((a, b) => a.pos[0] - b.pos[0]);
      const first = all.find(({ code }) => code === 'RESOURCE_EXHAUSTION') ?? all[0];
      if (first === undefined) return [];
      const open = leftOpen(document, first);
      return [
        open === undefined
          ? problem(first.pos[0], yamlProblem(first.code))
          : problem(
              open,
              `not valid YAML: the ${text[open]} here is not closed: put its ${closing[text[open] ?? '']} where it ends`,
            ),
      ];
    });
    if (problems.length > 0) return { documents: [], problems };
    const documents: SourceDocument[] = [];
    for (const document of parsed) {
      const root = document.contents;
      if (root === null) continue;
      const content: unknown = document.toJS({ maxAliasCount: aliasLimit });
      if (content === null) continue;
      if (!isRecord(content)) {
        problems.push(problem(root.range?.[0] ?? 0, 'not a resource: start it with apiVersion, kind and metadata'));
        continue;
      }
      documents.push({ file, content, position: (path) => at(offsetOf(root, path)) });
    }
    return problems.length > 0 ? { documents: [], problems } : { documents, problems };
  } catch (error) {
    // The parser recurses: nesting beyond the stack ends here, and so does an excess of aliases.
    const message =
      error instanceof RangeError
        ? 'nested too deeply: a resource needs no more than a dozen levels'
        : error instanceof ReferenceError
          ? 'anchors are repeated too often, or one is missing: write the values out'
          : `not readable as YAML: ${error instanceof Error ? error.message : String(error)}`;
    return { documents: [], problems: [problem(0, message)] };
  }
}

/** By code, as the parser's own words quote the text it stumbled on, which may be a secret. */
const yamlProblems: Partial<Record<ErrorCode, string>> = {
  BAD_INDENT: 'indented unlike its neighbours: line it up with them',
  TAB_AS_INDENT: 'indented with a tab: use spaces',
  DUPLICATE_KEY: 'the same key twice: keep one of them',
  MISSING_CHAR: 'something is missing here, such as a colon, a comma, a quote or a bracket',
  BAD_DQ_ESCAPE: 'an unknown escape in double quotes: use single quotes or \\\\',
  BAD_ALIAS: 'an alias without a name: put the text in quotes',
  BAD_SCALAR_START: 'a text may not begin like this: put it in quotes',
  MULTILINE_IMPLICIT_KEY: 'a key over several lines: is a colon missing?',
  BLOCK_AS_IMPLICIT_KEY: 'a second colon on one line: put the text in quotes',
  TAG_RESOLVE_FAILED: 'an unknown tag (!): leave it out',
  RESOURCE_EXHAUSTION: 'nested too deeply: a resource needs no more than a dozen levels',
  UNEXPECTED_TOKEN: 'something is too much here, or a line before is not finished',
};

function yamlProblem(code: ErrorCode): string {
  return `not valid YAML: ${yamlProblems[code] ?? 'check this line and the one before'}`;
}

const closing: Readonly<Record<string, string>> = { '[': ']', '{': '}', '"': '"', "'": "'" };

/** Where a bracket or quote was opened that the parser missed the end of: it tells of the place where it gave up. */
function leftOpen(document: Document, { code, pos }: YAMLError): number | undefined {
  if (code !== 'BAD_INDENT' && code !== 'MISSING_CHAR') return undefined;
  let found: number | undefined;
  visit(document, {
    Node: (_key, node) => {
      const enclosing =
        (isCollection(node) && node.flow === true) ||
        (isScalar(node) && (node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE'));
      // The innermost comes last.
      if (enclosing && node.range?.[1] === pos[0]) found = node.range[0];
    },
  });
  return found;
}

function offsetOf(root: Node, path: FieldPath): number {
  let node: unknown = root;
  let offset = root.range?.[0] ?? 0;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => keyText(item.key) === String(step));
      if (pair === undefined) return offset;
      offset = rangeStart(pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      const item: unknown = typeof step === 'number' ? node.items[step] : undefined;
      if (item === undefined) return offset;
      offset = rangeStart(item) ?? offset;
      node = item;
    } else return offset;
  }
  return offset;
}

function keyText(key: unknown): string {
  return typeof key === 'object' && key !== null && 'value' in key ? String(key.value) : String(key);
}

function rangeStart(node: unknown): number | undefined {
  if (typeof node !== 'object' || node === null || !('range' in node) || !Array.isArray(node.range)) return undefined;
  const start: unknown = node.range[0];
  return typeof start === 'number' ? start : undefined;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
