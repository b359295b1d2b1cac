import { describe, expect, it } from 'vitest';
import { readTracingSettings } from '../../../server/src/telemetry/tracing-settings.ts';

const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };
const sampler = { parentBased: true, ratio: 0.05 };
const url = 'http://collector:4318/v1/traces';

describe('traces', () => {
  it.each([
    ['nothing is set', {}],
    ['an endpoint is empty', { OTEL_EXPORTER_OTLP_ENDPOINT: '' }],
    ['only a sampler is set, whatever it is', { OTEL_TRACES_SAMPLER: 'nonsense' }],
    ['all of it is disabled', { ...endpoint, OTEL_SDK_DISABLED: 'true' }],
    ['traces are sent nowhere', { ...endpoint, OTEL_TRACES_EXPORTER: 'none' }],
  ])('are off where %s', (_, environment) => expect(readTracingSettings(environment)).toEqual({ outcome: 'off' }));

  it.each([
    ['one of twenty new traces', {}, { url, sampler }],
    [
      'a path of its own',
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://c.example/otlp/' },
      { url: 'https://c.example/otlp/v1/traces', sampler },
    ],
    [
      'the endpoint of traces as it is',
      { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://other/in' },
      { url: 'http://other/in', sampler },
    ],
    [
      'the protocol that is spoken',
      { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf', OTEL_TRACES_EXPORTER: 'otlp' },
      { url, sampler },
    ],
    [
      'that of traces before that of all',
      { OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
      { url, sampler },
    ],
    ['another ratio', { OTEL_TRACES_SAMPLER_ARG: '0.5' }, { url, sampler: { parentBased: true, ratio: 0.5 } }],
    [
      'all of a ratio without a number',
      { OTEL_TRACES_SAMPLER: 'traceidratio' },
      { url, sampler: { parentBased: false, ratio: 1 } },
    ],
    [
      'a ratio',
      { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.25' },
      { url, sampler: { parentBased: false, ratio: 0.25 } },
    ],
    ['nothing', { OTEL_TRACES_SAMPLER: 'always_off' }, { url, sampler: { parentBased: false, ratio: 0 } }],
    [
      'what others keep',
      { OTEL_TRACES_SAMPLER: 'parentbased_always_off', OTEL_TRACES_SAMPLER_ARG: 'x' },
      { url, sampler: { parentBased: true, ratio: 0 } },
    ],
  ])('keep %s', (_, environment, settings) =>
    expect(readTracingSettings({ ...endpoint, ...environment })).toEqual({ outcome: 'on', settings }),
  );

  it('tell all that is wrong at once, with its source and without a value', () => {
    const read = readTracingSettings({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'grpc://user:geheim@collector',
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'grpc',
      OTEL_TRACES_EXPORTER: 'zipkin',
      OTEL_TRACES_SAMPLER: 'sometimes',
    });
    expect(read).toEqual({
      outcome: 'refused',
      problems: [
        'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: must be an http or https URL, such as http://collector:4318',
        'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: must be http/protobuf, nothing else is spoken here',
        'OTEL_TRACES_EXPORTER: must be otlp, nothing else is spoken here',
        expect.stringContaining('OTEL_TRACES_SAMPLER: must be one of always_on, always_off, ') as string,
      ],
    });
    expect(readTracingSettings({ ...endpoint, OTEL_TRACES_SAMPLER_ARG: '1.5' })).toEqual({
      outcome: 'refused',
      problems: ['OTEL_TRACES_SAMPLER_ARG: must be a number from 0 to 1'],
    });
  });
});
