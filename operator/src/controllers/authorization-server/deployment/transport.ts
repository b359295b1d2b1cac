/** How clients reach the pods of a server. */
import type { ServerResource } from '../../attachment.ts';

export interface Transport {
  /** Name of the port, of the container and of the Service. */
  readonly name: 'http' | 'https';
  readonly containerPort: number;
  readonly servicePort: number;
}

const plain: Transport = { name: 'http', containerPort: 8080, servicePort: 80 };
const secure: Transport = { name: 'https', containerPort: 8443, servicePort: 443 };

/**
 * Where an Ingress or a Gateway leads to the server, TLS ends there unless somebody says which certificate the pods show:
 * no controller speaks HTTPS to pods without being told. An issuer without TLS is for a forwarded port. A listener that asks
 * for certificates cannot go without.
 */
export function transportOf({ spec: { issuer, tls, exposure, mutualTls } }: ServerResource): Transport {
  if (tls !== undefined || mutualTls?.mode === 'Listener') return secure;
  const exposed = exposure !== undefined && exposure.mode !== 'None';
  return exposed || issuer?.startsWith('http:') === true ? plain : secure;
}
