/** Search filters (RFC 4511 §4.5.1.7): read from BER, and asked of an entry with three answers. */
import type { BerReader } from 'ldapts';
import { type Element, elementsOf, MalformedMessage, readElement } from './element.ts';
import { type AttributeType, attributeType, compareFolded, foldPart, foldValue, type Syntax } from './schema.ts';

export type Filter =
  | { readonly type: 'and' | 'or'; readonly filters: readonly Filter[] }
  | { readonly type: 'not'; readonly filter: Filter }
  | { readonly type: 'present'; readonly attribute: string }
  | { readonly type: 'equal' | 'exact' | 'atLeast' | 'atMost'; readonly attribute: string; readonly value: Buffer }
  | {
      readonly type: 'substrings';
      readonly attribute: string;
      readonly initial: Buffer | null;
      readonly any: readonly Buffer[];
      readonly final: Buffer | null;
    }
  /** A matching rule that is not evaluated here: Undefined for every entry. */
  | { readonly type: 'unsupported' };

/** `null` is Undefined: the entry is not sent, and a negation of it neither. */
export type Answer = boolean | null;

/** Values of an attribute as this filter may see them. */
export type ValuesOf = (type: AttributeType) => readonly Buffer[];

const deepest = 32;

/** @throws MalformedMessage for anything that is no filter, or nested deeper than 32. */
export function readFilter(reader: BerReader, depth = 0): Filter {
  if (depth > deepest) throw new MalformedMessage('filter nested too deep');
  const { tag, value } = readElement(reader);
  switch (tag) {
    case 0xa0:
    case 0xa1: {
      const inner = elementsOf(value);
      const filters: Filter[] = [];
      while (inner.remain > 0) filters.push(readFilter(inner, depth + 1));
      return { type: tag === 0xa0 ? 'and' : 'or', filters };
    }
    case 0xa2:
      return { type: 'not', filter: readFilter(elementsOf(value), depth + 1) };
    case 0xa3:
    case 0xa8: // approxMatch: where no approximate rule exists, equality (RFC 4511 §4.5.1.7.6)
      return { type: 'equal', ...readAssertion(value) };
    case 0xa5:
      return { type: 'atLeast', ...readAssertion(value) };
    case 0xa6:
      return { type: 'atMost', ...readAssertion(value) };
    case 0x87:
      return { type: 'present', attribute: value.toString('utf8') };
    case 0xa4:
      return readSubstrings(value);
    case 0xa9:
      return readExtensible(value);
    default:
      throw new MalformedMessage(`no filter has tag 0x${tag.toString(16)}`);
  }
}

function readAssertion(content: Buffer): { attribute: string; value: Buffer } {
  const reader = elementsOf(content);
  const attribute = readElement(reader, 0x04).value.toString('utf8');
  return { attribute, value: readElement(reader, 0x04).value };
}

function readSubstrings(content: Buffer): Filter {
  const reader = elementsOf(content);
  const attribute = readElement(reader, 0x04).value.toString('utf8');
  const parts: Element[] = [];
  const list = elementsOf(readElement(reader, 0x30).value);
  while (list.remain > 0) parts.push(readElement(list));
  const place = (tag: number) => parts.filter((part) => part.tag === tag).map((part) => part.value);
  const [initial = null, anotherInitial] = place(0x80);
  const [final = null, anotherFinal] = place(0x82);
  const any = place(0x81);
  const known = (initial === null ? 0 : 1) + any.length + (final === null ? 0 : 1);
  if (parts.length === 0 || known !== parts.length || anotherInitial !== undefined || anotherFinal !== undefined) {
    throw new MalformedMessage('substrings out of order');
  }
  return { type: 'substrings', attribute, initial, any, final };
}

/** `attr:=value` is equality, and so is the rule that equality uses anyway; of other rules only caseExactMatch is known. */
function readExtensible(content: Buffer): Filter {
  const reader = elementsOf(content);
  const found = new Map<number, Buffer>();
  while (reader.remain > 0) {
    const part = readElement(reader);
    found.set(part.tag, part.value);
  }
  const value = found.get(0x83);
  if (value === undefined) throw new MalformedMessage('extensible match without a value');
  const attribute = found.get(0x82)?.toString('utf8') ?? '';
  const rule = found.get(0x81)?.toString('utf8').toLowerCase();
  const syntax = attributeType(attribute)?.syntax;
  const namesOfDn = found.get(0x84)?.[0] === 0xff;
  if (syntax === undefined || namesOfDn) return { type: 'unsupported' };
  if (rule === 'caseexactmatch' && syntax === 'text') return { type: 'exact', attribute, value };
  return rule === undefined || rule === equalityRules[syntax]
    ? { type: 'equal', attribute, value }
    : { type: 'unsupported' };
}

const equalityRules: Readonly<Partial<Record<Syntax, string>>> = {
  text: 'caseignorematch',
  dn: 'distinguishednamematch',
  integer: 'integermatch',
  uuid: 'uuidmatch',
};

export function evaluate(filter: Filter, valuesOf: ValuesOf): Answer {
  switch (filter.type) {
    case 'and':
      return every(filter.filters.map((one) => evaluate(one, valuesOf)));
    case 'or':
      return negate(every(filter.filters.map((one) => negate(evaluate(one, valuesOf)))));
    case 'not':
      return negate(evaluate(filter.filter, valuesOf));
    case 'unsupported':
      return null;
    case 'present':
    case 'equal':
    case 'exact':
    case 'atLeast':
    case 'atMost':
    case 'substrings': {
      const type = attributeType(filter.attribute);
      // A password is no part of any answer, not even of one bit of it.
      if (type === undefined || type.syntax === 'secret') return null;
      return ask(filter, type, valuesOf(type));
    }
  }
}

type Item = Extract<Filter, { attribute: string }>;

function ask(filter: Item, type: AttributeType, values: readonly Buffer[]): Answer {
  if (filter.type === 'present') return values.length > 0;
  if (filter.type === 'substrings') return askSubstrings(filter, type, values);
  if (filter.type === 'exact') return values.some((value) => value.equals(filter.value));
  const wanted = foldValue(type, filter.value);
  if (wanted === null) return null;
  if (filter.type !== 'equal' && compareFolded(type, wanted, wanted) === null) return null;
  return values.some((value) => {
    const have = foldValue(type, value);
    if (have === null) return false;
    if (filter.type === 'equal') return have === wanted;
    const order = compareFolded(type, have, wanted) ?? 0;
    return filter.type === 'atLeast' ? order >= 0 : order <= 0;
  });
}

function askSubstrings(
  filter: Extract<Item, { type: 'substrings' }>,
  type: AttributeType,
  values: readonly Buffer[],
): Answer {
  const none = Buffer.alloc(0);
  const parts = [filter.initial ?? none, ...filter.any, filter.final ?? none].map((part) => foldPart(type, part));
  if (parts.includes(null)) return null;
  const [initial = '', ...rest] = parts.map((part) => part ?? '');
  const final = rest.pop() ?? '';
  return values.some((value) => {
    const have = foldValue(type, value) ?? '';
    if (!have.startsWith(initial)) return false;
    let from = initial.length;
    for (const part of rest) {
      const at = have.indexOf(part, from);
      if (at < 0) return false;
      from = at + part.length;
    }
    return have.length - final.length >= from && have.endsWith(final);
  });
}

function every(answers: readonly Answer[]): Answer {
  if (answers.includes(false)) return false;
  return answers.includes(null) ? null : true;
}

function negate(answer: Answer): Answer {
  return answer === null ? null : !answer;
}
