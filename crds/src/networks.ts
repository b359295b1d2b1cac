/** PURE. Networks that an AuthorizationServer names: whose word about addresses it takes, and what it may call. */
import { Type } from 'typebox';
import { choice, group, item, type Rule, set } from './field.ts';
import { certificateHeader } from './mutual-tls.ts';

const byte = '(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])';
const part = '[0-9A-Fa-f]{1,4}';
const four = `(${byte}[.]){3}${byte}(/([0-9]|[12][0-9]|3[0-2]))?`;
const six = `((${part}:){7}${part}|(${part}(:${part}){0,6})?::(${part}(:${part}){0,6})?)(/([0-9]|[1-9][0-9]|1[01][0-9]|12[0-8]))?`;
/** An address or a network. Of IPv6, eight parts at most, and fewer where `::` stands for some. */
const isNetwork = `self.matches('^${four}$') || (self.matches('^${six}$') && self.split('/')[0].split(':').filter(p, p != '').size() <= (self.contains('::') ? 7 : 8))`;

export const anyNetwork: Rule = {
  rule: isNetwork,
  message: 'must be an address or a network, for example 10.0.0.0/8 or fd00::/8',
};

const network: readonly Rule[] = [
  anyNetwork,
  {
    rule: `!self.endsWith('/0')`,
    message: 'would believe everybody: name the addresses that your proxies connect from',
  },
];

/** As forwarded headers name the client's address. */
export const forwardedHeaders = ['X-Forwarded-For', 'Forwarded', 'X-Real-IP'] as const;

export const trustedProxies = Type.Optional(
  group(
    {
      cidrs: set(item({ max: 64, rules: network }), {
        what: 'Addresses and networks that the proxies connect from.',
        min: 1,
        max: 64,
        allowed: 'addresses and networks of IPv4 and IPv6, not everybody (/0)',
        example: ['10.0.0.0/8'],
      }),
      header: choice(forwardedHeaders, {
        what: 'The header in which they write the address of whoever connected to them. They must remove or extend what a stranger sends in it.',
        default: 'X-Forwarded-For',
        example: 'Forwarded',
      }),
      certificateHeader,
    },
    {
      what: 'Proxies in front of the server (Ingress, Gateway, load balancer) whose word about the address of a client is taken. Limits per address and what pages say about the origin of a request rest on it.',
      example: { cidrs: ['10.0.0.0/8'] },
      leftOut:
        'no forwarded header is believed; a proxy counts as the client of all its requests, and the condition ClientAddressUnknown says so',
    },
  ),
);

export const outbound = Type.Optional(
  group(
    {
      allowed: Type.Optional(
        set(
          item({
            max: 253,
            rules: [
              {
                rule: `${isNetwork} || self.matches('^([*][.])?([a-z0-9]([-a-z0-9]*[a-z0-9])?[.])*[a-z]([-a-z0-9]*[a-z0-9])?$')`,
                message:
                  "must be a host in lower case, '*.' and a domain for every host below it, an address or a network, for example hooks.example.com or 10.0.0.0/8",
              },
            ],
          }),
          {
            what: 'What the server may call on the word of a Client (jwksUri, logout.backchannelUri) beside public addresses and services of the namespace of that Client. A host opens its private addresses; loopback and link-local ones, such as the metadata service of a cloud, are opened by address or network alone.',
            max: 64,
            allowed: "hosts, '*.' and a domain for every host below it, addresses, networks",
            example: ['hooks.internal.example.com', '10.20.0.0/16'],
            leftOut: 'nothing more',
          },
        ),
      ),
    },
    {
      what: 'Calls that the server makes.',
      example: { allowed: ['hooks.internal.example.com'] },
      leftOut: 'public addresses, and services of the namespace of the Client',
    },
  ),
);
