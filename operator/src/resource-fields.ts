import type { LogFields } from '@nauthera/server/log';
import type { Pass } from './runtime/pass.ts';

/**
 * Which resource a line of the log is about.
 *
 * @param key `<namespace>/<name>`; anything else names no resource
 */
export function resourceFields(kind: string, key: string, pass?: Pass): LogFields {
  const [namespace, name] = key.split('/');
  return {
    'nauthera.kind': kind,
    ...(name === undefined || namespace === undefined
      ? {}
      : { 'k8s.namespace.name': namespace, 'nauthera.name': name }),
    ...(pass === undefined ? {} : passFields(pass)),
  };
}

function passFields({ id, resource, trace }: Pass): LogFields {
  return {
    'reconcile.id': id,
    ...(resource === undefined ? {} : { 'nauthera.uid': resource.uid, 'nauthera.generation': resource.generation }),
    ...trace,
  };
}
