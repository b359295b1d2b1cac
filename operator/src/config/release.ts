/** The settings of `nauthera-operator release`. */
import type { Setting, Values } from '@nauthera/server/config';
import { runSettings } from './run.ts';
import { wholeNumber } from './values.ts';

export const releaseSettings = {
  kubeconfig: runSettings.kubeconfig,
  namespace: {
    ...runSettings.namespace,
    description: 'Where the Lease is. Left out: the namespace of the pod, else of the context, else `default`.',
  },
  watchNamespaces: {
    ...runSettings.watchNamespaces,
    description: 'Releases in these namespaces alone, separated by commas. Left out: all.',
  },
  timeout: {
    description: 'How long it may take, in seconds.',
    placeholder: 'SECONDS',
    default: '120',
    parse: wholeNumber(1, 3600, 'seconds'),
  },
} as const satisfies Record<string, Setting<unknown>>;

export type ReleaseSettings = Values<typeof releaseSettings>;
