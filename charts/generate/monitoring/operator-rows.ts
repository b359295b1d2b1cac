/** PURE. Rows of the dashboard on the operator, and on processes. */
import type { Query, Row } from './grafana.ts';
import { legendOf, maxBy, ofOperator, ofServer, quantileBy, rateBy, sumBy } from './queries.ts';

const rate = (counter: string, labels: readonly string[], more?: string) => rateBy(ofOperator, counter, labels, more);
const sum = (gauge: string, labels: readonly string[], more?: string) => sumBy(ofOperator, gauge, labels, more);
const max = (gauge: string, labels: readonly string[]) => maxBy(ofOperator, gauge, labels);
const p99 = (histogram: string, labels: readonly string[]) => quantileBy(ofOperator, histogram, 0.99, labels);

export const operatorRow: Row = {
  title: 'Operator',
  panels: [
    {
      title: 'Leaders',
      description: 'Exactly one. None for two minutes: NautheraNoLeader fires, and changes of resources wait.',
      unit: 'short',
      type: 'stat',
      width: 6,
      redBelow: 1,
      queries: [sum('leader_election_master_status', ['job'], 'name="nauthera-operator"')],
    },
    {
      title: 'Resources that are not ready',
      description: 'By kind and reason, without suspended ones. kubectl get nauthera -A names them.',
      unit: 'short',
      width: 12,
      queries: [sum('nauthera_resources', ['kind', 'reason'], 'ready="false",reason!="Suspended"')],
    },
    {
      title: 'Resources',
      description: 'By kind.',
      unit: 'short',
      type: 'stat',
      width: 6,
      queries: [sum('nauthera_resources', ['kind'])],
    },
    {
      title: 'From a change to served everywhere',
      description: '99th percentile by kind: the operator has seen the change, every replica serves it.',
      unit: 's',
      queries: [p99('nauthera_programmed_duration_seconds', ['kind'])],
    },
    {
      title: 'Passes over resources',
      description: 'A second, by kind and how they ended.',
      unit: 'ops',
      queries: [rate('controller_runtime_reconcile_total', ['controller', 'result'])],
    },
    {
      title: 'Passes that failed',
      description: 'Above 0.05 a second for a quarter of an hour NautheraReconcileErrors fires.',
      unit: 'ops',
      redFrom: 0.05,
      queries: [rate('controller_runtime_reconcile_errors_total', ['controller'])],
    },
    {
      title: 'Duration of passes',
      description: '99th percentile by kind.',
      unit: 's',
      queries: [p99('controller_runtime_reconcile_time_seconds', ['controller'])],
    },
    {
      title: 'Waiting for a worker',
      description: 'Resources by kind. A queue that does not drain: passes are slow, or workers too few.',
      unit: 'short',
      queries: [sum('workqueue_depth', ['name'])],
    },
    {
      title: 'Wait for a worker, work',
      description: '99th percentile by kind.',
      unit: 's',
      queries: [
        { ...p99('workqueue_queue_duration_seconds', ['name']), legend: 'wait {{name}}' },
        { ...p99('workqueue_work_duration_seconds', ['name']), legend: 'work {{name}}' },
      ],
    },
    {
      title: 'Added and tried again',
      description: 'A second, by kind. Many retries: something that passes need is away.',
      unit: 'ops',
      queries: [
        { ...rate('workqueue_adds_total', ['name']), legend: 'added {{name}}' },
        { ...rate('workqueue_retries_total', ['name']), legend: 'again {{name}}' },
      ],
    },
    {
      title: 'Workers',
      description: 'Busy ones, and how many there may be.',
      unit: 'short',
      queries: [
        { ...sum('controller_runtime_active_workers', ['controller']), legend: 'busy {{controller}}' },
        { ...max('controller_runtime_max_concurrent_reconciles', ['controller']), legend: 'at most {{controller}}' },
      ],
    },
    {
      title: 'Work under way',
      description: 'The longest pass that runs now, and the sum of all. Minutes: a pass hangs.',
      unit: 's',
      queries: [
        { ...max('workqueue_longest_running_processor_seconds', ['name']), legend: 'longest {{name}}' },
        { ...sum('workqueue_unfinished_work_seconds', ['name']), legend: 'all {{name}}' },
      ],
    },
    {
      title: 'Requests to the API server',
      description: 'A second, by method and code. 429: it is throttling us; 403: a right is missing.',
      unit: 'reqps',
      queries: [rate('rest_client_requests_total', ['method', 'code'])],
    },
    {
      title: 'Duration of requests to the API server',
      description: '99th percentile by verb.',
      unit: 's',
      queries: [p99('rest_client_request_duration_seconds', ['verb'])],
    },
    {
      title: 'Since the watches told something',
      description: 'By kind. Above 120 s the leader is not ready: what it knows may be old.',
      unit: 's',
      redFrom: 120,
      queries: [max('nauthera_watch_seconds_since_last_sync', ['kind'])],
    },
    {
      title: 'Watches that began anew',
      description: 'By kind and reason. Some are normal, the API server ends watches; a steady stream is not.',
      unit: 'ops',
      width: 6,
      queries: [rate('nauthera_watch_restarts_total', ['kind', 'reason'])],
    },
    {
      title: 'Writes',
      description: 'To the registry by kind and operation, to statuses by kind. Zero when nothing changes.',
      unit: 'ops',
      width: 6,
      queries: [
        { ...rate('nauthera_registry_writes_total', ['kind', 'operation']), legend: 'registry {{kind}} {{operation}}' },
        { ...rate('nauthera_status_writes_total', ['kind']), legend: 'status {{kind}}' },
      ],
    },
    {
      title: 'Repairs and finalizers',
      description:
        'Objects that somebody else had changed, by kind. A steady rate: two programs fight over one object.',
      unit: 'ops',
      width: 6,
      queries: [
        { ...rate('nauthera_drift_repairs_total', ['object']), legend: 'repaired {{object}}' },
        { ...rate('nauthera_finalizers_released_total', ['kind']), legend: 'released {{kind}}' },
      ],
    },
    {
      title: 'Rotations of client secrets',
      description: 'A second by outcome, and how many cannot end. Above zero for a day NautheraRotationBlocked fires.',
      unit: 'short',
      width: 6,
      queries: [
        rate('nauthera_secret_rotations_total', ['outcome']),
        { ...max('nauthera_secret_rotations_blocked', ['job']), legend: 'blocked' },
      ],
    },
  ],
};

/** Of servers and operators alike. */
const both = (of: (which: string) => string): readonly Query[] =>
  [ofServer, ofOperator].map((which) => ({ expression: of(which), legend: legendOf(['job', 'instance']) }));

const each = (gauge: string): readonly Query[] => both((which) => `${gauge}{${which}}`);

export const processRow: Row = {
  title: 'Process',
  panels: [
    {
      title: 'Processor',
      description: 'Cores in use. The event loop is one core; signing and password hashing use more.',
      unit: 'short',
      queries: both((which) => `rate(process_cpu_seconds_total{${which}}[$__rate_interval])`),
    },
    {
      title: 'Memory',
      description: 'Resident. Near the limit of the container it is about to be killed.',
      unit: 'bytes',
      queries: each('process_resident_memory_bytes'),
    },
    {
      title: 'Heap in use',
      description: 'Grows and falls with collections; a floor that only rises is a leak.',
      unit: 'bytes',
      queries: each('nodejs_heap_size_used_bytes'),
    },
    {
      title: 'Delay of the event loop',
      description: '99th percentile. Above 0.1 s everything that this process does is late.',
      unit: 's',
      redFrom: 0.1,
      queries: each('nodejs_eventloop_lag_p99_seconds'),
    },
    {
      title: 'Garbage collection',
      description: 'Share of time.',
      unit: 'percentunit',
      queries: both(
        (which) => `sum by (job, instance) (rate(nodejs_gc_duration_seconds_sum{${which}}[$__rate_interval]))`,
      ),
    },
    {
      title: 'Open files',
      description: 'Connections included. A line that only rises is a leak.',
      unit: 'short',
      queries: each('process_open_fds'),
    },
  ],
};
