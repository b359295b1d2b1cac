/** PURE. How a user's own password is changed: two ways, both of which name the current one. */
import { Attribute, Change, ExtendedRequest, ModifyRequest, PasswordPolicyControl } from 'ldapts';
import { writeElement } from './ber.ts';

export interface PasswordCommand {
  /** The user's own entry. */
  readonly dn: string;
  readonly current: string;
  readonly next: string;
  /** `extended`: Password Modify (RFC 3062). `unicode_pwd`: that attribute, as Active Directory wants it ([MS-ADTS] §3.1.1.3.1.5). */
  readonly way: 'extended' | 'unicode_pwd';
  readonly withPolicy: boolean;
}

export function passwordRequest(messageId: number, command: PasswordCommand): Buffer {
  const controls = command.withPolicy ? [new PasswordPolicyControl()] : [];
  const common = { messageId, controls };
  const { dn, current, next } = command;
  if (command.way === 'extended') {
    // No user is named: it is the one who has bound, and nobody else.
    const value = writeElement(
      0x30,
      Buffer.concat([writeElement(0x81, utf8(current)), writeElement(0x82, utf8(next))]),
    );
    return new ExtendedRequest({ ...common, oid: passwordModify, value }).write();
  }
  // Taking the old value away and adding the new one is a change; replacing it would be a reset by an administrator.
  const changes = [change('delete', current), change('add', next)];
  return new ModifyRequest({ ...common, dn, changes }).write();
}

const passwordModify = '1.3.6.1.4.1.4203.1.11.1';

const utf8 = (text: string): Buffer => Buffer.from(text, 'utf8');

function change(operation: 'delete' | 'add', password: string): Change {
  const values = [Buffer.from(`"${password}"`, 'utf16le')];
  return new Change({ operation, modification: new Attribute({ type: 'unicodePwd', values }) });
}
