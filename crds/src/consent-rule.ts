/** PURE. Which users of a directory may consent to which scopes. */
import { Type } from 'typebox';
import { entry, item, type Rule, set, text } from './field.ts';
import { filterForm } from './ldap-search.ts';
import { plainText, scopeToken } from './text-rules.ts';

const noPlaceholder: Rule = {
  rule: `!self.contains('{}')`,
  message: 'is compared with the entry of the user as it is: {} has no meaning here',
};

export const consentRule = entry({
  name: text({
    what: 'Name of the rule, as the audit trail quotes it.',
    max: 128,
    rules: [plainText],
    example: 'orders',
  }),
  scopes: set(item({ max: 128, rules: [scopeToken] }), {
    what: 'Scopes that the rule allows. Rules naming the same scope are alternatives. A user to whom they refuse a built-in scope (such as groups) gives its claims with no other scope either.',
    min: 1,
    max: 50,
    example: ['orders:read'],
  }),
  groups: Type.Optional(
    set(item({ max: 1024, rules: [plainText] }), {
      what: 'Groups, by name or DN, compared without regard to case: the user must be in one of them.',
      min: 1,
      max: 50,
      example: ['shop-staff'],
      leftOut: 'no group is asked for',
    }),
  ),
  filter: Type.Optional(
    text({
      what: 'LDAP filter that the entry of the user must match.',
      max: 1024,
      rules: [filterForm, noPlaceholder, plainText],
      allowed: 'an LDAP filter (RFC 4515) of at most 1024 characters; it stands for itself, without {}',
      example: '(employeeType=staff)',
      leftOut: 'the entry is not looked at',
    }),
  ),
});
