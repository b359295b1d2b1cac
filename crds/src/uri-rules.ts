/** PURE. CEL rules for URIs: what may be registered, in the form that one object can decide. */
import type { Rule } from './field.ts';

/** A private-use scheme is a reversed domain name, so it has a dot (RFC 8252 §7.1). */
export const privateUseScheme = '^[a-z][a-z0-9+-]*([.][a-z0-9+-]+)+:/';

const port = '(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?';
const byte = '(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])';
// A browser reads a name whose last label begins with a digit as an address: 127.1, 0x7f.1.
const lowerCaseName = '([a-z0-9-]+[.])*[a-z]([a-z0-9-]*[a-z0-9])?';
const anyCaseName = '([A-Za-z0-9-]+[.])*[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])?';
const address = String.raw`(${byte}[.]){3}${byte}|\[[0-9A-Fa-f:.]+\]`;
const anyHost = `(${anyCaseName}|${address})`;
const loopback = String.raw`(127[.]0[.]0[.]1|\[::1\]|localhost)`;

const web = `^(https://|http://${loopback}([:/?]|$))`;
const characters = String.raw`[\\"<>^{|}#*]`;
// `..;x` is a dot segment to servers that know path parameters.
const dotSegment = '/([.]|%(25)*2[eE]){1,2}([/?;]|%3[bB]|$)';
const refusedText = [
  `!self.matches(r'^[!-~]+$')`,
  `self.matches(r'${characters}')`,
  "self.contains('`')",
  `self.matches('%2[aA]')`,
  `self.matches('^[a-z]+://[^/?]*@')`,
  `self.matches('^[^?]*${dotSegment}')`,
];
const responseParameters =
  'code|state|iss|error|error_description|error_uri|access_token|id_token|response|session_state';

/** In this order the messages read from the commonest mistake to the rarest. */
export const redirectUriRules: readonly Rule[] = [
  {
    rule: `self.matches(r'${web}') || self.matches('${privateUseScheme}')`,
    message:
      'use https; http only for 127.0.0.1, [::1] and localhost; a public client may use a private scheme with a dot, such as com.example.app:/callback',
  },
  {
    rule: `!(${refusedText.join(' || ')})`,
    message:
      'must be one exact URI without wildcard (*), fragment (#), user info (@), dot segments or spaces: list every URI that the app uses',
  },
  {
    // What the rules before this one refuse is not reported twice.
    rule: String.raw`!self.matches(r'${web}') || self.matches(r'^https?://[^/?]*([^!-~]|[\\"<>^{|}#*@])') || self.matches(r'^https?://${anyHost}${port}([/?]|$)')`,
    message: 'must name a host, for example https://app.example.com/callback',
  },
  {
    rule: `!self.matches('%([^0-9A-Fa-f]|$|[0-9A-Fa-f]([^0-9A-Fa-f]|$))') && !self.matches('%([01][0-9A-Fa-f]|7[fF])') && !self.matches('^[^?]*%(25)*(2[fF]|5[cC])')`,
    message: 'must not hold an encoded slash, backslash or control character, nor a % without two hex digits',
  },
  {
    rule: `!self.matches('^[^?]*[?]([^#]*&)?(${responseParameters})(=|&|$)')`,
    message:
      'must not hold a parameter of the answer (code, state, iss, error, …) in its query: nobody could tell it from ours',
  },
];

/** Links that people follow; never fetched by the server. */
export const webPage: Rule = {
  rule: `self.matches(r'^(https://${anyHost}|http://${loopback})${port}([/?#]|$)') && self.matches('^[!-~]+$')`,
  message:
    'must be a web page that begins with https:// (http:// only for 127.0.0.1, [::1] and localhost), without user info or spaces',
};

/** As {@link webPage}, for people outside of this machine. */
export const securePage: Rule = {
  rule: `self.matches(r'^https://${anyHost}${port}([/?#]|$)') && self.matches('^[!-~]+$')`,
  message: 'must be a web page that begins with https://, without user info or spaces',
};

/** What the server calls on the word of a Client: through its outbound gate, and with TLS alone. */
export const calledUri: Rule = {
  rule: `self.matches(r'^https://${anyHost}${port}([/?]|$)') && self.matches(r'^[!-~]+$') && !self.matches(r'${characters}') && !self.contains('\`')`,
  message:
    'must be one exact https URL without user info, fragment (#) or spaces, for example https://app.example.com/path',
};

/** What browsers are sent to or load inside a page of ours. */
export const browsedUri: Rule = {
  rule: `self.matches(r'^(https://${anyHost}|http://${loopback})${port}([/?]|$)') && self.matches(r'^[!-~]+$') && !self.matches(r'${characters}') && !self.contains('\`')`,
  message:
    'must be one exact URL that begins with https:// (http:// only for 127.0.0.1, [::1] and localhost), without user info, fragment (#) or spaces',
};

const originHost = String.raw`(${lowerCaseName}|(${byte}[.]){3}${byte}|\[[0-9a-f:.]+\])`;

/** As browsers write the header Origin (RFC 6454 §6.1); whatever else stands here would never match one. */
export const originRule: Rule = {
  rule: `self.matches(r'^(https://${originHost}|http://${loopback})${port}$') && !self.matches('^https://.*:443$') && !self.matches('^http://.*:80$')`,
  message:
    'must be an origin as browsers send it: https:// (http:// only for 127.0.0.1, [::1] and localhost), the host in lower case, a port if it is not the usual one, and nothing behind; never null or *',
};

/** A host among redirect URIs, in CEL: without its port. Holds for URIs that begin with https:// alone. */
export const hostOf = (uri: string): string => `${uri}.split('/')[2].split('?')[0].split(':')[0]`;

/** A redirect URI whose host is one of the web: neither this machine nor a bare IPv6 address. */
export const isOfWeb = (uri: string): string =>
  `${uri}.matches(r'^https://[^\\[]') && !${uri}.matches('^https://(localhost|127[.][0-9]+[.][0-9]+[.][0-9]+)([:/?]|$)')`;

/** RFC 8414 §2, in the form that endpoints are appended to. */
export const issuerRule: Rule = {
  rule: `self.matches(r'^(https://(${lowerCaseName}|${address})|http://${loopback})${port}(/[A-Za-z0-9._~-]+)*$') && !self.matches('/[.]{1,2}(/|$)') && !self.matches('^https://[^/]*:443(/|$)') && !self.matches('^http://[^/]*:80(/|$)')`,
  message:
    'use https (http only for 127.0.0.1, [::1] and localhost), a host in lower case, no user info, query, fragment or default port, and no slash at the end, for example https://id.example.com',
};

export const ldapsUrl: Rule = {
  rule: `self.matches(r'^ldaps://${anyHost}${port}$')`,
  message:
    'use ldaps://host or ldaps://host:port: ldap:// and StartTLS are refused, because a connection that drops would go on in clear text, passwords included',
};
