/** The settings of `nauthera-operator run`: the operator in a cluster. */
import { oneOf, parseAddress, path, type Setting, type Values } from '@nauthera/server/config';
import { standaloneSettings } from './standalone.ts';
import { imageName, nameOfObject, namesOfSecrets, namespace, namespaces, networks, wholeNumber } from './values.ts';

export const runSettings = {
  kubeconfig: {
    description:
      'Which API server, and who we are to it. Left out: `KUBECONFIG`, else the ServiceAccount of the pod, else `~/.kube/config`.',
    placeholder: 'FILE',
    parse: path,
  },
  namespace: {
    description:
      'Where the Lease and the default server are. Left out: the namespace of the pod, else of the context, else `default`.',
    placeholder: 'NAMESPACE',
    parse: namespace,
  },
  watchNamespaces: {
    description: 'Looks after these namespaces alone, separated by commas. Left out: all.',
    placeholder: 'NAMES',
    parse: namespaces,
  },
  watchSecrets: {
    description: 'Watches the metadata of labelled Secrets, so that a change is seen at once and not by polling.',
    placeholder: 'true|false',
    default: 'true',
    parse: (text: string) => oneOf(['true', 'false'])(text) === 'true',
  },
  serverImage: {
    description: 'Image of server pods. Left out: pods are not made, and servers are started by somebody else.',
    placeholder: 'IMAGE',
    parse: imageName,
  },
  serverImagePullPolicy: {
    description: '`Always`, `IfNotPresent` or `Never`.',
    placeholder: 'POLICY',
    default: 'IfNotPresent',
    parse: oneOf(['Always', 'IfNotPresent', 'Never']),
  },
  serverImagePullSecrets: {
    description:
      'Secrets to fetch the image with, separated by commas; each must be in the namespace of the server. Empty: none.',
    placeholder: 'NAMES',
    default: '',
    parse: namesOfSecrets,
  },
  tracingCidrs: {
    description:
      'Networks of the collector of traces, separated by commas: the network policies of servers let its port be reached there alone. Empty: anywhere.',
    placeholder: 'NETWORKS',
    default: '',
    parse: networks,
  },
  defaultServerConfigMap: {
    description:
      'ConfigMap in the namespace of the operator whose `authorization-server.yaml` is applied, at the start and when it changes. Left out: none.',
    placeholder: 'NAME',
    parse: nameOfObject,
  },
  workers: {
    description: 'Resources of one kind and namespace that are worked on at once; four more are for other namespaces.',
    placeholder: 'NUMBER',
    default: '10',
    parse: wholeNumber(1, 100),
  },
  management: {
    description: '`/livez`, `/readyz` and `/metrics`; keep it private.',
    placeholder: 'HOST:PORT',
    default: '127.0.0.1:9090',
    parse: parseAddress,
  },
  logLevel: standaloneSettings.logLevel,
  logFormat: {
    description: '`json`: one object a line; `text`: for people.',
    placeholder: 'FORMAT',
    default: 'json',
    parse: oneOf(['json', 'text']),
  },
} as const satisfies Record<string, Setting<unknown>>;

export type RunSettings = Values<typeof runSettings>;
