/** How clients reach the pods of a server. */
import type { ServerResource } from '../../attachment.ts';

export interface Transport {
  /** Name of the port, of the container and of the Service. */
  readonly name: 'http' | 'https';
  readonly containerPort: number;
  readonly servicePort: number;
}

/** TLS ends before the pods. */
const plain: Transport = { name: 'http', containerPort: 8080, servicePort: 80 };

export function transportOf(_server: ServerResource): Transport {
  return plain;
}
