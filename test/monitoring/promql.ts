/** PURE. What an expression asks for. Whether Prometheus takes it, promtool says. */

export interface Matcher {
  readonly label: string;
  readonly operator: '=' | '!=' | '=~' | '!~';
  readonly value: string;
}

export interface Selector {
  readonly metric: string;
  readonly matchers: readonly Matcher[];
}

export interface Asked {
  readonly selectors: readonly Selector[];
  /** In `by`, `on`, `without`, `ignoring`, `group_left`, `group_right`. */
  readonly labels: readonly string[];
}

const words = new Set(['and', 'or', 'unless', 'bool', 'offset', 'atan2', 'inf', 'nan']);
const withLabels = new Set(['by', 'on', 'without', 'ignoring', 'group_left', 'group_right']);
const braces = /^\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\}/;
const matcher = /([A-Za-z_]\w*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"/g;

/** @throws SyntaxError for what is none of names, numbers, texts, operators and brackets */
export function askedFor(expression: string): Asked {
  const selectors: Selector[] = [];
  const labels: string[] = [];
  let rest = expression;
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    const found = pattern.exec(rest);
    if (found !== null) rest = rest.slice(found[0].length);
    return found ?? undefined;
  };
  while (rest !== '') {
    // Numbers, texts, durations in brackets, operators.
    if (take(/^(\s+|\d[\w.]*|"(?:[^"\\]|\\.)*"|\[[\w$:]+\]|[-+*/%^(),<>=!]+)/)) continue;
    const name = take(/^[A-Za-z_:][\w:]*/)?.[0];
    if (name === undefined) throw new SyntaxError(`${expression}: what is "${rest.slice(0, 20)}"?`);
    if (words.has(name.toLowerCase())) continue;
    if (withLabels.has(name)) {
      const inside = take(/^\s*\(([^)]*)\)/)?.[1] ?? '';
      labels.push(
        ...inside
          .split(',')
          .map((label) => label.trim())
          .filter((label) => label !== ''),
      );
      continue;
    }
    // A function, or an aggregation with its labels before its operand.
    if (/^\s*(\(|by\b|without\b)/.test(rest)) continue;
    const inside = take(braces)?.[1] ?? '';
    const matchers = [...inside.matchAll(matcher)].map(([, label = '', operator, value = '']) => ({
      label,
      operator: operator as Matcher['operator'],
      value: value.replaceAll('\\\\', '\\'),
    }));
    selectors.push({ metric: name, matchers });
  }
  return { selectors, labels };
}
