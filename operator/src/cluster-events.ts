/** Events, as people see them with `kubectl describe`. */
import { hostname } from 'node:os';
import type { Log } from '@nauthera/server/log';
import { type ClusterVoice, isForbidden, sketch } from './cluster-voice.ts';
import type { EventSink } from './controllers/world.ts';
import type { OperatorMetrics } from './metrics.ts';
import { createEventRecorder } from './runtime/events.ts';
import type { KubernetesApi } from './runtime/kubernetes-api.ts';

export interface ToldEvents extends EventSink {
  /** What was not told yet is told first. */
  stop(): Promise<void>;
}

export interface EventsOptions {
  readonly api: KubernetesApi;
  readonly log: Log;
  readonly voice: ClusterVoice;
  readonly onRepaired: OperatorMetrics['repaired'];
}

export function tellEvents({ api, log, voice, onRepaired }: EventsOptions): ToldEvents {
  const recorder = createEventRecorder({
    api,
    apiVersion: 'auth.nauthera.io/v1alpha1',
    instance: hostname(),
    onProblem: (error) =>
      // Nobody hears of what happens in a namespace that is ending.
      isForbidden(error)
        ? log.named('events').debug('Events are lost', sketch(error))
        : voice.warn('events', 'Events are lost', error),
  });
  return {
    record: ({ kind, namespace, name, uid }, { type, reason, note, object = 'Secret' }) => {
      if (reason === 'DriftRepaired') onRepaired(object);
      recorder.record({ regarding: { kind, namespace, name, uid }, type, reason, action: 'Reconcile', note });
    },
    stop: () => recorder.stop(),
  };
}
