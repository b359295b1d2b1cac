import fc from 'fast-check';
import { MessageParser } from 'ldapts';
import { describe, expect, it } from 'vitest';
import { MessageStream, readAnswer } from '../../../server/src/directory/ldap/answers.ts';
import { MalformedAnswer } from '../../../server/src/directory/ldap/ber.ts';
import { bindAnswer, doneAnswer, element, entryAnswer, message, noticeAnswer, pageAnswer } from '../../support/ber.ts';

const inside = (bytes: Buffer) => {
  const [first] = new MessageStream(1_000_000).push(bytes);
  if (first === undefined) throw new Error('no whole message');
  return first;
};
const read = (bytes: Buffer) => readAnswer(inside(bytes));
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('answers that are right', () => {
  it('bind, with and without a word of the password policy', () => {
    expect(read(bindAnswer(7, 49))).toEqual({
      kind: 'bind',
      id: 7,
      code: 49,
      policy: null,
      warning: null,
      diagnostic: '',
    });
    expect(read(bindAnswer(7, 49, hex('3003 810100')))).toMatchObject({ policy: 'password_expired' });
    expect(read(bindAnswer(7, 0, hex('3003 810102')))).toMatchObject({ policy: 'change_after_reset' });
    expect(read(bindAnswer(7, 0, hex('3008 a003 800105 810106')))).toMatchObject({ policy: 'too_short' });
    expect(read(bindAnswer(7, 49, hex('3003 810101')))).toMatchObject({ policy: 'other' });
    expect(read(bindAnswer(7, 49, hex('3003 81017f')))).toMatchObject({ policy: 'other' });
    expect(read(bindAnswer(7, 0, hex('3005 a003 800105')))).toMatchObject({
      policy: null,
      warning: { kind: 'expires', seconds: 5 },
    });
    expect(read(bindAnswer(7, 0, hex('3005 a003 810102')))).toMatchObject({ warning: { kind: 'grace', left: 2 } });
    expect(read(bindAnswer(7, 0, hex('3000')))).toMatchObject({ policy: null });
  });
  it('entry', () => {
    const answer = read(entryAnswer(3, 'uid=ada', { uid: ['ada'], photo: [hex('ffd8')], none: [] }));
    expect(answer).toEqual({
      kind: 'entry',
      id: 3,
      entry: {
        dn: 'uid=ada',
        attributes: [
          { type: 'uid', values: [Buffer.from('ada')] },
          { type: 'photo', values: [hex('ffd8')] },
          { type: 'none', values: [] },
        ],
      },
    });
  });
  it.each([
    ['a modification', 0x67],
    ['an extended operation', 0x78],
  ])('of %s, with the words for programs', (_title, tag) => {
    const answer = message(5, element(tag, hex('0a0113 0400 0402 6e6f')));
    expect(read(answer)).toEqual({ kind: 'modified', id: 5, code: 19, policy: null, diagnostic: 'no' });
  });
  it('done and notice', () => {
    expect(read(doneAnswer(3, 4))).toEqual({ kind: 'done', id: 3, code: 4 });
    expect(read(pageAnswer(3, 'next'))).toEqual({ kind: 'done', id: 3, code: 0, cookie: Buffer.from('next') });
    expect(read(pageAnswer(3, ''))).toEqual({ kind: 'done', id: 3, code: 0 });
    expect(read(noticeAnswer())).toEqual({ kind: 'notice' });
  });
});

describe('A45: answers that are wrong end in one error', () => {
  const operation = (tag: number, content: string) => message(2, element(tag, hex(content)));
  const hostile: Readonly<Record<string, Buffer>> = {
    'a bind result without anything, which the library takes for a success': operation(0x61, ''),
    'a bind result cut after the code': operation(0x61, '0a0100'),
    'a result code of five octets': operation(0x61, '0a050000000000 0400 0400'),
    'a negative result code': operation(0x61, '0a01ff 0400 0400'),
    'an attribute list longer than its message': operation(0x64, '0400 3013 300104'),
    'an attribute that is no sequence': operation(0x64, '0400 3002 0400'),
    'an attribute without a set': operation(0x64, '0400 3004 30020400'),
    'a value that is no string': operation(0x64, '0400 3009 3007 040161 3102 0500'),
    'a set that does not fit': operation(0x64, '0400 3007 3005 040161 31ff'),
    'a DN that is no text': operation(0x64, '0401ff 3000'),
    'an operation that nobody asked for': operation(0x63, ''),
    'an extended answer cut after the code': operation(0x78, '0a0100'),
    'an answer to a modification without anything': operation(0x67, ''),
    'a high tag number': operation(0x7f, ''),
    'no operation': message(2, Buffer.alloc(0)),
    'octets after the end': message(2, Buffer.concat([element(0x65, hex('0a0100 0400 0400')), hex('a000 0500')])),
    'a negative message id': element(0x30, Buffer.concat([hex('0201ff'), element(0x65, hex('0a0100 0400 0400'))])),
    'a message id without octets': element(0x30, Buffer.concat([hex('0200'), element(0x65, hex('0a0100 0400 0400'))])),
    'a control that is no sequence': message(
      2,
      Buffer.concat([element(0x65, hex('0a0100 0400 0400')), hex('a002 0500')]),
    ),
    'a page response that does not fit': message(
      2,
      Buffer.concat([
        element(0x65, hex('0a0100 0400 0400')),
        hex(`a01e301c0416${Buffer.from('1.2.840.113556.1.4.319').toString('hex')}0402 3005`),
      ]),
    ),
    'a policy response that does not fit': bindAnswer(2, 0, hex('30ff')),
  };
  it.each(Object.entries(hostile))('%s', (_title, bytes) => expect(() => read(bytes)).toThrow(MalformedAnswer));

  it.each([
    ['no message at all', hex('474554202f')],
    ['an indefinite length', hex('3080')],
    ['a length of five octets', hex('30850000000001')],
    ['a length of 2 GB', hex('30847fffffff')],
    ['a length beyond the limit', hex('30830f4241')],
  ])('%s is refused before more is read', (_title, bytes) =>
    expect(() => new MessageStream(1_000_000).push(bytes)).toThrow(MalformedAnswer),
  );

  it('any bytes: an answer or that error, and it ends', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          for (const one of new MessageStream(1000).push(Buffer.from(bytes))) readAnswer(one);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedAnswer);
        }
      }),
      { numRuns: 3000 },
    );
  });
  it('right answers with bytes changed: the same', () => {
    const right = entryAnswer(3, 'uid=ada,dc=x', { uid: ['ada'], cn: ['Ada', 'Countess'] });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(right.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (changes) => {
          const bytes = Buffer.from(right);
          for (const [at, value] of changes) bytes[at] = value;
          try {
            for (const one of new MessageStream(1000).push(bytes)) readAnswer(one);
          } catch (error) {
            expect(error).toBeInstanceOf(MalformedAnswer);
          }
        },
      ),
      { numRuns: 3000 },
    );
  });
});

describe('the stream', () => {
  const whole = Buffer.concat([bindAnswer(1, 0), entryAnswer(2, 'uid=a', { uid: ['a'] }), doneAnswer(2, 0)]);
  it('cut anywhere brings the same messages', () => {
    const expected = new MessageStream(1000).push(whole).map((one) => one.toString('hex'));
    expect(expected).toHaveLength(3);
    for (let cut = 1; cut < whole.length; cut += 1) {
      const stream = new MessageStream(1000);
      const got = [...stream.push(whole.subarray(0, cut)), ...stream.push(whole.subarray(cut))];
      expect(got.map((one) => one.toString('hex'))).toEqual(expected);
    }
    const bytewise = new MessageStream(1000);
    expect([...whole].flatMap((byte) => bytewise.push(Buffer.from([byte])))).toHaveLength(3);
  });
  it('counts the bytes of one operation, small messages too', () => {
    const stream = new MessageStream(100);
    const small = doneAnswer(2, 0);
    const few = Math.floor(100 / small.length);
    for (let round = 0; round < few; round += 1) stream.push(small);
    expect(() => stream.push(small)).toThrow(/more bytes/);
    const fresh = new MessageStream(100);
    for (let round = 0; round < 50; round += 1) {
      fresh.restart();
      fresh.push(small);
    }
  });
  it('thousands of messages in one chunk need no deep stack', () => {
    const many = Buffer.concat(Array.from({ length: 50_000 }, () => doneAnswer(2, 0)));
    expect(new MessageStream(10_000_000).push(many)).toHaveLength(50_000);
  });
});

describe('ldapts 9.2.0: why its parser meets no bytes from outside', () => {
  it('a cut-off bind result is a success to it', () => {
    const codes: number[] = [];
    const parser = new MessageParser();
    parser.on('message', (one) => codes.push(one.status));
    parser.read(message(2, element(0x61, Buffer.alloc(0))), new Map());
    expect(codes).toEqual([0]);
  });
});
