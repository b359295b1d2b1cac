/** PURE. Where an AuthorizationServer asks applications for certificates, and whose it takes (RFC 8705). */
import { Type } from 'typebox';
import { choice, group, text } from './field.ts';
import { configMapKeyRef } from './references.ts';

export const mutualTls = Type.Optional(
  group(
    {
      mode: choice(['Off', 'Listener'], {
        what: 'Whether applications may present certificates.',
        allowed:
          'Off (no certificate counts, and Clients that need one are refused), Listener (a port of its own, 8444, asks for certificates; the metadata names its endpoints in mtls_endpoint_aliases)',
        default: 'Off',
        example: 'Listener',
      }),
      url: Type.Optional(
        text({
          what: 'Scheme, host and port at which applications reach that port, or a proxy that asks for certificates and passes them on.',
          max: 512,
          rules: [
            {
              rule: `self.matches(r'^https://([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\\[[0-9a-f:.]+\\])(:[0-9]{1,5})?$')`,
              message: 'must be https, a host in lower case and perhaps a port, such as https://mtls.example.com',
            },
          ],
          example: 'https://mtls.id.example.com',
          leftOut: 'the host of the issuer with the port 8444',
        }),
      ),
      caBundleRef: configMapKeyRef(
        'Certificates of the authorities whose certificates prove who an application is with tls_client_auth. Each of them is trusted. Constraints on names and policies are not understood, and what has them is refused.',
        'ca.crt',
        'client-ca',
        'no Client may use tls_client_auth',
      ),
    },
    {
      what: 'Certificates of applications: methods tls_client_auth and self_signed_tls_client_auth, and access tokens bound to a certificate (RFC 8705).',
      example: { mode: 'Listener', caBundleRef: { name: 'client-ca' } },
      leftOut: 'Off',
    },
  ),
);

export const certificateHeader = Type.Optional(
  choice(['Client-Cert'], {
    what: 'The header in which they pass on the certificate that a client proved to them (RFC 9440), to the port 8444 alone: at the other port nobody is believed about it. There they must remove what a client sends in it, and in Client-Cert-Chain. Then whoever connects from these networks can be any application: list the addresses of the proxies alone.',
    allowed: 'Client-Cert, with mutualTls.mode Listener',
    example: 'Client-Cert',
    leftOut: 'no header with a certificate is believed',
  }),
);
