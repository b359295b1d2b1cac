/** PURE. The certificate that a server shows. */
import { type Static, Type } from 'typebox';
import { choice, group } from './field.ts';
import { secretRef } from './references.ts';

export const tls = Type.Optional(
  group(
    {
      mode: choice(['Generated', 'Secret'], {
        what: 'Where the certificate comes from.',
        allowed:
          'Generated: a certificate authority of this server, made and renewed by the operator, issues it for the names of the Service and the host of the issuer. Secret: you keep it in a Secret, by cert-manager for example; it is used anew as soon as it changes',
        default: 'Generated',
        example: 'Secret',
      }),
      secretRef: secretRef(
        'The Secret with the certificate, with mode Secret.',
        "Its entries tls.crt (the chain, leaf first) and tls.key are those of the type kubernetes.io/tls; ca.crt, where it is there, is published as the certificate's authority.",
        'default-tls',
        'mode Secret needs it',
      ),
    },
    {
      what: 'The certificate that the pods show. Without a cluster --tls-folder names it.',
      allowed:
        'with exposure Ingress or HTTPRoute the controller must be told to speak HTTPS to the pods once this is set (ingress-nginx: annotation nginx.ingress.kubernetes.io/backend-protocol: HTTPS; Gateway API: a BackendTLSPolicy)',
      example: { mode: 'Secret', secretRef: { name: 'default-tls' } },
      leftOut:
        'as mode Generated; with exposure Ingress or HTTPRoute TLS ends there, and the pods speak plain HTTP inside of the cluster, as they do for an http issuer (unless mutualTls has a listener)',
      rules: [
        {
          rule: `(self.mode == 'Secret') == has(self.secretRef)`,
          message: 'goes with mode Secret, and mode Secret needs it: name the Secret, or leave both out',
          fieldPath: '.secretRef',
        },
      ],
    },
  ),
);
export type TlsSpec = Static<typeof tls>;
