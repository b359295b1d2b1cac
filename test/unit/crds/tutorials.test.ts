import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { registerDirectory } from '../../../operator/src/registrations/directory.ts';
import { observed } from '../operator/resources.ts';
import { problems } from './builders.ts';

/** What a reader of a tutorial copies is accepted, and means what the text says. */
const page = readFileSync(new URL('../../../docs/tutorials/connect-active-directory.md', import.meta.url), 'utf8');
const [whole, more] = [...page.matchAll(/```yaml\n([^`]+)```/g)].map(
  ([, text = '']) => parse(text) as { kind: string; spec: Record<string, unknown> },
);

it('Connect Active Directory: its binding is accepted, with groups inside groups too', () => {
  expect(whole?.kind).toBe('LdapBinding');
  expect(problems('LdapBinding', whole)).toEqual([]);
  expect(problems('LdapBinding', { ...whole, spec: { ...whole?.spec, ...more?.spec } })).toEqual([]);
});

it('Connect Active Directory: what is left out follows the vendor', () => {
  const { spec } = observed('LdapBinding', 'staff', { ...whole?.spec, servers: undefined });
  const registered = registerDirectory({
    namespace: 'identity',
    name: 'staff',
    spec,
    bindPassword: 'secret',
    caBundle: undefined,
  });
  expect(registered).toMatchObject({
    vendor: 'active_directory',
    srv_domain: 'ad.example.com',
    member_of_attribute: 'memberOf',
    user_search: { attributes: { username: 'sAMAccountName', subject: 'objectGUID', display_name: 'displayName' } },
  });
});
