/** Messages from a directory (RFC 4511 §4): cut out of the byte stream, then read whole. */
import { Elements, MalformedAnswer, OversizedAnswer, readHeader, textOf } from './ber.ts';

export interface RawEntry {
  readonly dn: string;
  readonly attributes: readonly { readonly type: string; readonly values: readonly Buffer[] }[];
}

/** Errors that a password policy response names (draft-behera-ldap-password-policy-10 §6.2). */
export type PolicyError =
  | 'password_expired'
  | 'change_after_reset'
  | 'modification_not_allowed'
  | 'old_password_needed'
  | 'poor_quality'
  | 'too_short'
  | 'too_young'
  | 'in_history'
  | 'other';

/** What it warns of: sign-ins that are left with an expired password, or seconds until it expires. */
export type PolicyWarning =
  | { readonly kind: 'grace'; readonly left: number }
  | { readonly kind: 'expires'; readonly seconds: number };

interface Policy {
  readonly error: PolicyError | null;
  readonly warning: PolicyWarning | null;
}

export type Answer =
  /** `diagnostic`: the server's own words, for programs alone. */
  | {
      readonly kind: 'bind';
      readonly id: number;
      readonly code: number;
      readonly policy: PolicyError | null;
      readonly warning: PolicyWarning | null;
      readonly diagnostic: string;
    }
  | { readonly kind: 'entry'; readonly id: number; readonly entry: RawEntry }
  | { readonly kind: 'reference'; readonly id: number }
  /** Of a search. `cookie`: where its next page begins (RFC 2696 §3); left out: there is none. */
  | { readonly kind: 'done'; readonly id: number; readonly code: number; readonly cookie?: Buffer }
  /** Of a modification or an extended operation. `diagnostic`: the server's own words, for programs alone. */
  | {
      readonly kind: 'modified';
      readonly id: number;
      readonly code: number;
      readonly policy: PolicyError | null;
      readonly diagnostic: string;
    }
  /** The server is about to close (RFC 4511 §4.4). */
  | { readonly kind: 'notice' };

const tag = {
  integer: 0x02,
  octets: 0x04,
  enumerated: 0x0a,
  sequence: 0x30,
  set: 0x31,
  bind: 0x61,
  entry: 0x64,
  done: 0x65,
  modified: 0x67,
  reference: 0x73,
  extended: 0x78,
  controls: 0xa0,
};
const passwordPolicy = '1.3.6.1.4.1.42.2.27.8.5.1';
const pagedResults = '1.2.840.113556.1.4.319';

/** Cuts a stream into messages. Bytes are counted from {@link restart} on; beyond the limit the stream is refused. */
export class MessageStream {
  readonly #limit: number;
  #waiting: Buffer[] = [];
  #length = 0;
  #counted = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  restart(): void {
    this.#counted = 0;
  }

  /** @throws MalformedAnswer, OversizedAnswer */
  push(chunk: Buffer): readonly Buffer[] {
    this.#counted += chunk.length;
    if (this.#counted > this.#limit) throw new OversizedAnswer('more bytes than one operation may bring');
    this.#waiting.push(chunk);
    this.#length += chunk.length;
    const messages: Buffer[] = [];
    for (;;) {
      const message = this.#next();
      if (message === null) return messages;
      messages.push(message);
    }
  }

  #next(): Buffer | null {
    // Six octets hold the longest header; what is joined beyond that is joined once, when all of it is there.
    const head = this.#peek(6);
    const header = readHeader(head, 0);
    if (header === null) return null;
    if (header.tag !== tag.sequence) throw new MalformedAnswer('no LDAP message');
    if (header.end > this.#limit) throw new OversizedAnswer('a message longer than one operation may bring');
    if (this.#length < header.end) return null;
    const [first, ...more] = this.#waiting;
    const all = first !== undefined && more.length === 0 ? first : Buffer.concat(this.#waiting);
    this.#waiting = all.length > header.end ? [all.subarray(header.end)] : [];
    this.#length = all.length - header.end;
    return all.subarray(header.valueAt, header.end);
  }

  #peek(length: number): Buffer {
    const first = this.#waiting[0] ?? Buffer.alloc(0);
    return first.length >= length || this.#waiting.length < 2
      ? first
      : Buffer.concat(this.#waiting, Math.min(length, this.#length));
  }
}

/**
 * @param message the inside of one LDAPMessage
 * @throws MalformedAnswer for anything but the answers above
 */
export function readAnswer(message: Buffer): Answer {
  const parts = new Elements(message);
  const id = parts.readNumber(tag.integer);
  const operation = parts.read();
  const inside = new Elements(operation.value);
  const controls = parts.done ? noControls : readControls(parts.read(tag.controls).value);
  const { error: policy, warning } = controls.policy;
  if (!parts.done) throw new MalformedAnswer('octets after the controls');
  switch (operation.tag) {
    case tag.bind:
      return { kind: 'bind', id, policy, warning, ...readDiagnosed(inside) };
    case tag.done:
      return {
        kind: 'done',
        id,
        code: readResult(inside),
        ...(controls.cookie === null ? {} : { cookie: controls.cookie }),
      };
    case tag.entry:
      return { kind: 'entry', id, entry: readEntry(inside) };
    case tag.reference:
      return { kind: 'reference', id };
    case tag.extended:
      if (id === 0) return { kind: 'notice' };
      return { kind: 'modified', id, policy, ...readDiagnosed(inside) };
    case tag.modified:
      return { kind: 'modified', id, policy, ...readDiagnosed(inside) };
  }
  throw new MalformedAnswer(`operation ${operation.tag} was not asked for`);
}

/** The result code. All three members must be there: what is cut short is no success. */
function readResult(inside: Elements): number {
  const code = inside.readNumber(tag.enumerated);
  inside.read(tag.octets);
  inside.read(tag.octets);
  return code;
}

function readDiagnosed(inside: Elements): { readonly code: number; readonly diagnostic: string } {
  const code = inside.readNumber(tag.enumerated);
  inside.read(tag.octets);
  return { code, diagnostic: textOf(inside.read(tag.octets).value) ?? '' };
}

function readEntry(inside: Elements): RawEntry {
  const dn = inside.readText();
  const list = new Elements(inside.read(tag.sequence).value);
  const attributes: { type: string; values: Buffer[] }[] = [];
  while (!list.done) {
    const attribute = new Elements(list.read(tag.sequence).value);
    const type = attribute.readText();
    const set = new Elements(attribute.read(tag.set).value);
    const values: Buffer[] = [];
    while (!set.done) values.push(set.read(tag.octets).value);
    attributes.push({ type, values });
  }
  return { dn, attributes };
}

const noPolicy: Policy = { error: null, warning: null };

interface Controls {
  readonly policy: Policy;
  readonly cookie: Buffer | null;
}

const noControls: Controls = { policy: noPolicy, cookie: null };

function readControls(bytes: Buffer): Controls {
  const list = new Elements(bytes);
  let { policy, cookie } = noControls;
  while (!list.done) {
    const control = new Elements(list.read(tag.sequence).value);
    const type = textOf(control.read(tag.octets).value);
    while (!control.done) {
      const { tag: found, value } = control.read();
      if (type === passwordPolicy && found === tag.octets) policy = readPolicy(value);
      if (type === pagedResults && found === tag.octets) cookie = readCookie(value);
    }
  }
  return { policy, cookie };
}

/** `null`: an empty one, so that was the last page. The number before it is an estimate, and nobody's word. */
function readCookie(bytes: Buffer): Buffer | null {
  const value = new Elements(new Elements(bytes).read(tag.sequence).value);
  value.read(tag.integer);
  const cookie = value.read(tag.octets).value;
  return cookie.length === 0 ? null : cookie;
}

const policyErrors: readonly PolicyError[] = [
  'password_expired',
  'other',
  'change_after_reset',
  'modification_not_allowed',
  'old_password_needed',
  'poor_quality',
  'too_short',
  'too_young',
  'in_history',
];

function readPolicy(bytes: Buffer): Policy {
  const members = new Elements(new Elements(bytes).read(tag.sequence).value);
  let { error, warning } = noPolicy;
  while (!members.done) {
    if (members.nextTag === 0x81) error = policyErrors[members.readNumber(0x81)] ?? 'other';
    else if (members.nextTag === 0xa0) warning = readWarning(new Elements(members.read(0xa0).value));
    else members.read();
  }
  return { error, warning };
}

function readWarning(choice: Elements): PolicyWarning | null {
  if (choice.nextTag === 0x80) return { kind: 'expires', seconds: choice.readNumber(0x80) };
  return choice.nextTag === 0x81 ? { kind: 'grace', left: choice.readNumber(0x81) } : null;
}
