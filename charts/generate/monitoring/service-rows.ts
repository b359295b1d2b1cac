/** PURE. Rows of the dashboard on what users and applications notice. */
import type { Row } from './grafana.ts';
import { legendOf, ofServer, quantileBy, rateBy } from './queries.ts';

const rate = (counter: string, labels: readonly string[], more?: string) => rateBy(ofServer, counter, labels, more);
const requests = 'http_server_request_duration_seconds';
const quantile = (histogram: string, value: number, labels?: readonly string[]) =>
  quantileBy(ofServer, histogram, value, labels);

const ownFaults = 'outcome=~"server_error|temporarily_unavailable"';

export const serviceRows: readonly Row[] = [
  {
    title: 'Requests',
    panels: [
      {
        title: 'Replicas by version',
        description: 'Pods that answer Prometheus. Two versions side by side are an upgrade under way.',
        unit: 'short',
        type: 'stat',
        width: 6,
        queries: [
          {
            expression: `count by (version) (nauthera_build_info{component="server",${ofServer}})`,
            legend: legendOf(['version']),
          },
        ],
      },
      {
        title: 'Token requests that fail by our fault',
        description:
          'Share of token requests with server_error or temporarily_unavailable. Above 1 % NautheraTokenErrors fires.',
        unit: 'percentunit',
        width: 6,
        redFrom: 0.01,
        queries: [
          {
            expression: [
              `sum by (job) (rate(nauthera_token_requests_total{${ofServer},${ownFaults}}[$__rate_interval]))`,
              `/ sum by (job) (rate(nauthera_token_requests_total{${ofServer}}[$__rate_interval]))`,
            ].join(' '),
            legend: legendOf(['job']),
          },
        ],
      },
      {
        title: 'Duration of requests',
        description:
          'Median, 95th and 99th percentile over all routes. Sign-ins wait for the directory, the rest for the database.',
        unit: 's',
        width: 12,
        queries: [quantile(requests, 0.5), quantile(requests, 0.95), quantile(requests, 0.99)],
      },
      {
        title: 'Requests by route',
        description: 'Requests a second. Routes, never paths: none names a client or a user.',
        unit: 'reqps',
        stacked: true,
        queries: [rate(`${requests}_count`, ['http_route'])],
      },
      {
        title: 'Refused and failed requests',
        description: '4xx are mostly applications and strangers that ask wrongly; any 5xx is ours.',
        unit: 'reqps',
        queries: [rate(`${requests}_count`, ['http_response_status_code'], 'http_response_status_code=~"4..|5.."')],
      },
      {
        title: 'Slowest routes',
        description: '99th percentile by route.',
        unit: 's',
        queries: [quantile(requests, 0.99, ['http_route'])],
      },
    ],
  },
  {
    title: 'Tokens, grants',
    panels: [
      {
        title: 'Token requests by outcome',
        description:
          'success, or the OAuth error. invalid_client after a deployment is often a secret that was not picked up.',
        unit: 'reqps',
        queries: [rate('nauthera_token_requests_total', ['outcome'])],
      },
      {
        title: 'Token requests by grant type',
        description: 'What applications use to get tokens.',
        unit: 'reqps',
        stacked: true,
        queries: [rate('nauthera_token_requests_total', ['grant_type'])],
      },
      {
        title: 'Tokens issued',
        description: 'By kind and format.',
        unit: 'ops',
        queries: [rate('nauthera_tokens_issued_total', ['kind', 'format'])],
      },
      {
        title: 'Authorization requests by outcome',
        description: 'How visits to the authorization endpoint end.',
        unit: 'reqps',
        queries: [rate('nauthera_authorization_requests_total', ['outcome'])],
      },
      {
        title: 'Grants that ended',
        description:
          'Why: by the user or the client, after a replay, a leaver, a rule of the directory, by expiry or by an administrator.',
        unit: 'ops',
        queries: [rate('nauthera_grants_ended_total', ['cause'])],
      },
      {
        title: 'Introspections and revocations',
        description: 'By outcome. Many inactive answers: a resource server gets stale tokens.',
        unit: 'reqps',
        queries: [
          { ...rate('nauthera_introspections_total', ['outcome']), legend: 'introspection {{outcome}}' },
          { ...rate('nauthera_revocations_total', ['outcome']), legend: 'revocation {{outcome}}' },
        ],
      },
    ],
  },
  {
    title: 'Sign-ins, consent, device',
    panels: [
      {
        title: 'Sign-ins by outcome',
        description:
          'unavailable: the directory did not answer. throttled: a limit for the account or the address held.',
        unit: 'ops',
        queries: [rate('nauthera_logins_total', ['outcome'])],
      },
      {
        title: 'Successful sign-ins by directory',
        description: 'A directory that drops to zero while others go on has a problem of its own.',
        unit: 'ops',
        queries: [rate('nauthera_logins_total', ['directory'], 'outcome="success"')],
      },
      {
        title: 'Consents by outcome',
        description: 'refused: the directory does not allow it. unavailable: it could not be asked.',
        unit: 'ops',
        queries: [rate('nauthera_consents_total', ['outcome'])],
      },
      {
        title: 'Device authorizations by outcome',
        description: 'started and approved should follow each other; slow_down are devices that ask too often.',
        unit: 'ops',
        queries: [rate('nauthera_device_authorizations_total', ['outcome'])],
      },
      {
        title: 'Logout tokens sent',
        description: 'delivered, retried later, or gave_up: that application goes on with a session that has ended.',
        unit: 'ops',
        queries: [rate('nauthera_logout_deliveries_total', ['outcome'])],
      },
      {
        title: 'Logout tokens that wait',
        description: 'Applications that still have to be told. Above 100 for half an hour NautheraLogoutStuck fires.',
        unit: 'short',
        redFrom: 100,
        queries: [{ expression: `max by (job) (nauthera_logout_pending{${ofServer}})`, legend: legendOf(['job']) }],
      },
    ],
  },
];

export const abuseRow: Row = {
  title: 'Abuse',
  panels: [
    {
      title: 'Requests refused by limits',
      description:
        'By limiter. login_account and login_address above one a second for ten minutes: NautheraLoginFlood fires.',
      unit: 'reqps',
      queries: [rate('nauthera_rate_limited_total', ['limiter'])],
    },
    {
      title: 'Failed client authentications',
      description: 'By method and reason. wrong_secret of one method only: an application kept an old secret.',
      unit: 'reqps',
      queries: [rate('nauthera_client_auth_failures_total', ['method', 'reason'])],
    },
    {
      title: 'Refresh tokens that came again',
      description:
        'grace: the same application, a moment later. replay: ended the grant. Above 20 in 15 minutes NautheraReplayDetected fires.',
      unit: 'ops',
      queries: [rate('nauthera_refresh_reuse_total', ['result'])],
    },
    {
      title: 'Requests shed',
      description: 'Refused with 503 since the replica has too much to do, or the database is away.',
      unit: 'reqps',
      queries: [rate('nauthera_requests_shed_total', ['reason'])],
    },
    {
      title: 'Audit events',
      description: 'By event. What they say in detail is in the log, lines with audit: true.',
      unit: 'ops',
      queries: [rate('nauthera_audit_events_total', ['event'])],
    },
    {
      title: 'Audit rows that could not be written',
      description: 'What they would have told of was not done either: both are one transaction. Must be zero.',
      unit: 'ops',
      redFrom: 0.001,
      queries: [rate('nauthera_audit_write_failures_total', ['job'])],
    },
  ],
};
