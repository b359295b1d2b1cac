/** PURE. How users and groups are found in a directory. */
import { Type } from 'typebox';
import { choice, flag, group, type Rule, text } from './field.ts';
import { attributeName, plainText } from './text-rules.ts';

const dn: Rule = {
  rule: `self.matches('^[^=,]+=')`,
  message: 'must be a distinguished name, for example ou=people,dc=example,dc=com',
};

const placeholder: Rule = {
  rule: String.raw`self.matches(r'=\{\}\)') && !self.matches(r'[^=]\{\}') && !self.matches(r'[<>~]=\{\}') && !self.matches(r'\{\}([^)]|$)')`,
  message:
    'must hold {} as the whole value of an equality, for example (uid={}); never as a part of a value or as an attribute',
};

export const filterForm: Rule = {
  rule: String.raw`self.matches(r'^\(.+\)$')`,
  message: 'must be an LDAP filter in parentheses (RFC 4515), for example (employeeType=staff)',
};

const searchScope = choice(['Base', 'One', 'Sub'], {
  what: 'How deep the search goes.',
  allowed: 'Base (that entry), One (its children), Sub (everything below)',
  default: 'Sub',
  example: 'One',
});

const attribute = (what: string, value: string) =>
  text({
    what,
    max: 128,
    rules: [attributeName],
    allowed: 'name of an LDAP attribute',
    default: value,
    example: value,
  });

/** What it is when left out depends on the vendor. */
const byVendor = (what: string, example: string, leftOut: string) =>
  Type.Optional(
    text({ what, max: 128, rules: [attributeName], allowed: 'name of an LDAP attribute', example, leftOut }),
  );

export const dnText = (what: string, example: string, leftOut?: string) =>
  text({
    what,
    max: 1024,
    rules: [dn, plainText],
    allowed: 'a distinguished name (RFC 4514)',
    example,
    ...(leftOut === undefined ? {} : { leftOut }),
  });

export const userSearch = group(
  {
    base: dnText('Entry below which users are searched.', 'ou=people,dc=example,dc=com'),
    scope: searchScope,
    filter: Type.Optional(
      text({
        what: 'Filter that finds the entry for a typed user name, which takes the place of {}.',
        max: 1024,
        rules: [filterForm, placeholder, plainText],
        allowed:
          'an LDAP filter (RFC 4515) of at most 1024 characters, in which {} is the whole value of one or more equalities',
        leftOut: '(uid={}); with ActiveDirectory, people whose sAMAccountName or userPrincipalName it is',
        example: '(&(objectClass=person)(|(uid={})(mail={})))',
      }),
    ),
    attributes: group(
      {
        username: byVendor('Attribute that holds the user name.', 'uid', 'uid; with ActiveDirectory sAMAccountName'),
        subject: byVendor(
          'Attribute that identifies an entry and never changes, not even when it is renamed. The subject (sub) of tokens is computed from it.',
          'entryUUID',
          'entryUUID; with ActiveDirectory objectGUID, with 389ds nsUniqueId',
        ),
        displayName: byVendor(
          'Attribute that holds the name of a person; without a value, the user name is shown.',
          'cn',
          'cn; with ActiveDirectory displayName',
        ),
        memberOf: Type.Optional(
          text({
            what: 'Attribute of a user that lists the DNs of groups. It saves the search of groupSearch and excludes it.',
            max: 128,
            rules: [attributeName],
            allowed: 'name of an LDAP attribute',
            example: 'memberOf',
            leftOut:
              'groups are searched as groupSearch says; without it, memberOf with ActiveDirectory, and otherwise users are in no group',
          }),
        ),
      },
      { what: 'Where things stand in the entry of a user.', default: {}, example: { username: 'uid' } },
    ),
  },
  { what: 'How users are found.', example: { base: 'ou=people,dc=example,dc=com' } },
);

export const groupSearch = Type.Optional(
  group(
    {
      base: dnText('Entry below which groups are searched.', 'ou=groups,dc=example,dc=com'),
      scope: searchScope,
      filter: text({
        what: 'Filter that finds the groups of a user, whose DN takes the place of {}.',
        max: 1024,
        rules: [filterForm, placeholder, plainText],
        allowed:
          'an LDAP filter (RFC 4515) of at most 1024 characters, in which {} is the whole value of one or more equalities',
        default: '(member={})',
        example: '(&(objectClass=groupOfNames)(member={}))',
      }),
      nested: flag({
        what: 'Whether groups inside groups are followed, ten levels at most. ActiveDirectory follows them by itself; elsewhere each level costs one search.',
        default: false,
        example: true,
      }),
      attributes: group(
        {
          name: attribute('Attribute that holds the name of a group.', 'cn'),
          user: Type.Optional(
            text({
              what: 'Attribute of a user whose value takes the place of {} in the filter, for groups that list names, such as (memberUid={}).',
              max: 128,
              rules: [attributeName],
              allowed: 'name of an LDAP attribute',
              example: 'uid',
              leftOut: "the user's DN takes its place",
            }),
          ),
        },
        { what: 'Where things stand in the entry of a group.', default: {}, example: { name: 'cn' } },
      ),
    },
    {
      what: 'How the groups of a user are found when they are entries of their own.',
      example: { base: 'ou=groups,dc=example,dc=com' },
      leftOut: 'groups come from userSearch.attributes.memberOf, as it says there',
      rules: [
        {
          rule: '!self.nested || !has(self.attributes.user)',
          message: 'groups that list names hold no groups: leave nested out, or attributes.user',
          fieldPath: '.nested',
        },
      ],
    },
  ),
);
