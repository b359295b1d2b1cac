/** PURE. Form and query text → single-valued parameters (RFC 6749 §3.1, §3.2). */
import { type Delivery, ProtocolError } from './errors.ts';

/** Parameters by name; each came once and has a value. One that may come several times: see {@link valuesOf}. */
export type Parameters = ReadonlyMap<string, string>;

export type ParameterProblem = 'malformed' | 'too_many' | 'repeated';

export interface ParameterReading {
  /** Names that came exactly once with a value. A repeated name is not among them, whichever value was meant. */
  readonly parameters: Parameters;
  /** `undefined`: the text is well formed and every name came once. */
  readonly problem: ParameterProblem | undefined;
}

/** More than this many parameters are refused before any is looked at. */
export const maxParameters = 64;

const none: Parameters = new Map();

/** The one parameter that may be included more than once (RFC 8707 §2). */
const repeatable: ReadonlySet<string> = new Set(['resource']);
/** Between the values of a repeated parameter; no value holds it. */
const separator = '\0';

/** All values of a parameter that may come several times, in the order sent. */
export function valuesOf(parameters: Parameters, name: 'resource'): readonly string[] {
  return parameters.get(name)?.split(separator) ?? [];
}

/**
 * Reads `application/x-www-form-urlencoded` text: a query without its `?`, or a body. Parameters without a value count as
 * left out (RFC 6749 §3.1), yet twice is twice. A percent sign without two hex digits, bytes that are no UTF-8 and NUL
 * are malformed: a lenient decoder would let two readers see two different requests.
 */
export function readParameters(text: string): ParameterReading {
  if (text === '') return { parameters: none, problem: undefined };
  const pairs = text.split('&');
  if (pairs.length > maxParameters) return { parameters: none, problem: 'too_many' };
  const parameters = new Map<string, string>();
  let repeated = false;
  /** Without a value, or of several. */
  let dropped: string[] | undefined;
  for (const pair of pairs) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decodeFormText(equals < 0 ? pair : pair.slice(0, equals));
    const value = equals < 0 ? '' : decodeFormText(pair.slice(equals + 1));
    if (name === null || value === null) return { parameters: none, problem: 'malformed' };
    if (repeatable.has(name)) {
      const before = parameters.get(name);
      if (value !== '') parameters.set(name, before === undefined ? value : `${before}${separator}${value}`);
      continue;
    }
    const again = parameters.has(name);
    if (again) repeated = true;
    if (again || value === '') (dropped ??= []).push(name);
    if (!again) parameters.set(name, value);
  }
  if (dropped !== undefined) for (const name of dropped) parameters.delete(name);
  return { parameters, problem: repeated ? 'repeated' : undefined };
}

/** One form-encoded name or value (`+` is a space); `null` when it is malformed or holds NUL. */
export function decodeFormText(text: string): string | null {
  if (!/[%+\0]/.test(text)) return text;
  try {
    const decoded = decodeURIComponent(text.replaceAll('+', ' '));
    return decoded.includes('\0') ? null : decoded;
  } catch {
    return null;
  }
}

const descriptions: Record<ParameterProblem, string> = {
  malformed: 'the parameters are not form-encoded UTF-8',
  too_many: 'there are too many parameters',
  repeated: 'a parameter was sent more than once',
};

/** @throws ProtocolError `invalid_request` when the reading has a problem. */
export function requireParameters(reading: ParameterReading, delivery: Delivery): Parameters {
  if (reading.problem === undefined) return reading.parameters;
  throw new ProtocolError('invalid_request', delivery, { description: descriptions[reading.problem] });
}
