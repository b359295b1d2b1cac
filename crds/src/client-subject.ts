/** PURE. As whom a Client sees its users (OpenID Connect Core §8). */
import { Type } from 'typebox';
import { choice, type Rule, text } from './field.ts';
import { hostName } from './text-rules.ts';
import { hostOf, isOfWeb } from './uri-rules.ts';

export const subjectType = choice(['public', 'pairwise'], {
  what: 'Whether the application sees the same sub of a user as others (public), or one of its own, by which two applications cannot recognise a user (pairwise). The sid of a browser session is then one of its own, too. A change gives every user another sub: the application takes them for new ones.',
  allowed: 'public; pairwise, for applications with an https redirect URI',
  default: 'public',
  example: 'pairwise',
});

export const sectorIdentifier = Type.Optional(
  text({
    what: 'The host that pairwise subjects belong to: applications with the same one see the same subjects. Whoever may name a host in redirectUris may join it; redirectHosts of a client policy says who may.',
    max: 253,
    rules: [hostName],
    allowed: 'with subjectType pairwise: the host of one of the https redirect URIs',
    example: 'shop.example.com',
    leftOut: 'the host of the https redirect URIs, when all of them name one; status.sectorIdentifier shows it',
  }),
);

const hosts = `self.redirectUris.filter(u, ${isOfWeb('u')}).map(u, ${hostOf('u')})`;

export const subjectRules: readonly Rule[] = [
  {
    rule: `self.subjectType != 'pairwise' || (has(self.redirectUris) && self.redirectUris.exists(u, ${isOfWeb('u')}))`,
    message:
      'pairwise subjects belong to a host of the application: add an https redirect URI whose host has a name, or leave subjectType out',
    fieldPath: '.subjectType',
  },
  {
    rule: `self.subjectType != 'pairwise' || has(self.sectorIdentifier) || !has(self.redirectUris) || [${hosts}].all(list, list.all(host, host == list[0]))`,
    message: 'the redirect URIs name several hosts: say here to which of them pairwise subjects belong',
    fieldPath: '.sectorIdentifier',
  },
  {
    rule: `!has(self.sectorIdentifier) || self.subjectType == 'pairwise'`,
    message: 'only pairwise subjects have a sector: set subjectType to pairwise, or leave sectorIdentifier out',
    fieldPath: '.sectorIdentifier',
  },
  {
    rule: `!has(self.sectorIdentifier) || self.subjectType != 'pairwise' || (has(self.redirectUris) && self.redirectUris.exists(u, ${isOfWeb('u')} && ${hostOf('u')} == self.sectorIdentifier))`,
    message: 'must be the host of one of the https redirect URIs: nobody joins the sector of another application',
    fieldPath: '.sectorIdentifier',
  },
];
