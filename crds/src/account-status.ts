/** PURE. Where a directory says that an account may not be used, beside what its vendor does by itself. */
import { Type } from 'typebox';
import { choice, entry, group, keyed, type Rule, text } from './field.ts';
import { dnText } from './ldap-search.ts';
import { attributeName, plainText } from './text-rules.ts';

const states = [
  'Active',
  'Disabled',
  'Expired',
  'Locked',
  'MustChangePassword',
  'PasswordExpired',
  'OutsideHours',
] as const;

const state = (what: string) => choice([...states], { what, example: 'Disabled' });

const stateOtherwise = (what: string) => choice([...states], { what, default: 'Disabled', example: 'Active' });

const value = entry({
  value: text({
    what: 'The value, compared without regard to case.',
    max: 256,
    rules: [plainText],
    example: 'inactive',
  }),
  state: state(
    'What it means. OutsideHours gives nothing and ends nothing; every other one but Active ends the sessions and grants of the user.',
  ),
});

const together: Rule = {
  rule: 'has(self.attribute) == has(self.values)',
  message: 'attribute names the attribute and values what it says: set both or neither',
  fieldPath: '.values',
};

const something: Rule = {
  rule: 'has(self.attribute) || has(self.defaultPolicy) || has(self.values)',
  message: 'says nothing yet: set attribute and values, or defaultPolicy, or leave accountStatus out',
};

export const accountStatus = Type.Optional(
  group(
    {
      attribute: Type.Optional(
        text({
          what: 'Attribute of the entry of the user. People must not be able to write it in their own entry, and the service account must be able to read it.',
          max: 128,
          rules: [attributeName],
          allowed: 'name of an LDAP attribute whose values are text',
          example: 'inetUserStatus',
          leftOut: 'no attribute is looked at beside those of the vendor',
        }),
      ),
      values: Type.Optional(
        keyed('value', value, {
          what: 'What the values mean. Of several values in one entry the one counts that lets the user do least; it counts beside the state that the vendor tells, whichever of the two lets the user do less.',
          min: 1,
          max: 50,
          example: [
            { value: 'active', state: 'Active' },
            { value: 'inactive', state: 'Disabled' },
          ],
          leftOut: 'required with attribute, refused otherwise',
        }),
      ),
      otherValues: stateOtherwise('What a value means that is not among them.'),
      withoutValue: stateOtherwise(
        'What an entry means that shows no value. Active where the directory writes the attribute only when an account is shut: an attribute that the service account may not read looks the same.',
      ),
      defaultPolicy: Type.Optional(
        dnText(
          'DN of the policy of users whose entry names none: what slapd has as ppolicy_default (OpenLDAP, pwdPolicy), the account policy of 389 Directory Server (accountInactivityLimit). The service account must be able to read it, and those that entries name.',
          'cn=default,ou=policies,dc=example,dc=com',
          'policies count that entries name themselves',
        ),
      ),
    },
    {
      what: 'How the state of accounts is told, beside what the vendor tells by itself. With Generic nothing else tells it but a refused bind.',
      example: {
        attribute: 'inetUserStatus',
        values: [
          { value: 'active', state: 'Active' },
          { value: 'inactive', state: 'Disabled' },
        ],
      },
      leftOut: 'what the vendor tells counts alone',
      rules: [together, something],
    },
  ),
);
