/** Changes to a directory under test by `ldapmodify`, as its administrator. Needs Debian's `ldap-utils`. */
import { execFile } from 'node:child_process';

export interface Administrator {
  /** `ldaps://host:port`; its certificate is not looked at: the way in does not depend on the one under test. */
  readonly url: string;
  readonly dn: string;
  readonly password: string;
}

/**
 * @param kind `add`: entries; `change`: records with `changetype`
 * @throws Error with what the directory said
 */
export function changeDirectory(who: Administrator, kind: 'add' | 'change', ldif: string): Promise<void> {
  const env = { PATH: process.env.PATH, LDAPTLS_REQCERT: 'never' };
  const args = [...(kind === 'add' ? ['-a'] : []), '-x', '-H', who.url, '-D', who.dn, '-w', who.password];
  return new Promise((resolve, reject) => {
    const child = execFile('ldapmodify', args, { env, timeout: 60_000 }, (error, _out, stderr) => {
      if (error === null) return resolve();
      const missing = 'code' in error && error.code === 'ENOENT';
      reject(new Error(missing ? 'no ldapmodify here: apt-get install ldap-utils' : `${stderr}${error.message}`));
    });
    // It may end before it has read everything; its result says why.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(ldif);
  });
}

/** One modification of one entry (RFC 2849); without a value the attribute goes. Values that are bytes go as base64. */
export function replaced(dn: string, attribute: string, ...values: readonly (string | Buffer)[]): string {
  const line = (value: string | Buffer) =>
    typeof value === 'string' ? `${attribute}: ${value}\n` : `${attribute}:: ${value.toString('base64')}\n`;
  return `dn: ${dn}\nchangetype: modify\nreplace: ${attribute}\n${values.map(line).join('')}\n`;
}
