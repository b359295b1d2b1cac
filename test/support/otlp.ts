/** A receiver of spans, as a collector is one: OTLP over HTTP, read from the wire by the field numbers of its specification. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface ReceivedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty: the first of its trace. */
  readonly parentId: string;
  /** 1 internal, 2 server. */
  readonly kind: number;
  readonly attributes: Readonly<Record<string, string | number>>;
  /** `<trace id> <span id>` */
  readonly links: readonly string[];
  readonly failed: boolean;
  /** Of the service. */
  readonly resource: Readonly<Record<string, string | number>>;
}

export class SpanReceiver {
  readonly spans: ReceivedSpan[] = [];
  /** Whatever came, as it came. */
  readonly bodies: Buffer[] = [];
  readonly headers: Readonly<Record<string, unknown>>[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      void buffer(request).then((body) => {
        this.headers.push(request.headers);
        this.bodies.push(body);
        const isOurs = request.url === '/v1/traces' && request.headers['content-type'] === 'application/x-protobuf';
        if (isOurs) this.spans.push(...spansOf(body));
        response.writeHead(isOurs ? 200 : 404, { 'content-type': 'application/x-protobuf' }).end();
      });
    });
  }

  static async start(): Promise<SpanReceiver> {
    const receiver = new SpanReceiver();
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  named(name: string): readonly ReceivedSpan[] {
    return this.spans.filter((span) => span.name === name);
  }

  /** What is part of it at once, in the order in which it ended. */
  childrenOf({ traceId, spanId }: ReceivedSpan): readonly ReceivedSpan[] {
    return this.spans.filter((span) => span.traceId === traceId && span.parentId === spanId);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

type Value = Buffer | bigint;

/** Field number → every value of it, in order (Protocol Buffers' wire format). */
function fieldsOf(message: Buffer): ReadonlyMap<number, readonly Value[]> {
  const fields = new Map<number, Value[]>();
  let at = 0;
  const varint = (): bigint => {
    for (let value = 0n, shift = 0n; ; shift += 7n) {
      const byte = BigInt(message.readUInt8(at++));
      value |= (byte & 0x7fn) << shift;
      if (byte < 0x80n) return value;
    }
  };
  const bytes = (length: number): Buffer => {
    at += length;
    if (at > message.length) throw new RangeError('a message ends in the middle of a field');
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const key = Number(varint());
    const read: Readonly<Record<number, () => Value>> = {
      0: varint,
      1: () => bytes(8).readBigUInt64LE(),
      2: () => bytes(Number(varint())),
      5: () => BigInt(bytes(4).readUInt32LE()),
    };
    const value = read[key & 7]?.();
    if (value === undefined) throw new RangeError(`there is no wire type ${key & 7}`);
    fields.set(key >> 3, [...(fields.get(key >> 3) ?? []), value]);
  }
  return fields;
}

type Fields = ReturnType<typeof fieldsOf>;

const messages = (fields: Fields, number: number): readonly Buffer[] =>
  (fields.get(number) ?? []).filter((value) => Buffer.isBuffer(value));
const text = (fields: Fields, number: number): string => messages(fields, number)[0]?.toString() ?? '';
const hex = (fields: Fields, number: number): string => messages(fields, number)[0]?.toString('hex') ?? '';
const whole = (fields: Fields, number: number): number => Number(fields.get(number)?.[0] ?? 0n);

function spansOf(body: Buffer): readonly ReceivedSpan[] {
  return messages(fieldsOf(body), 1).flatMap((resourceSpans) => {
    const fields = fieldsOf(resourceSpans);
    const resource = messages(fields, 1).flatMap((one) => attributesOf(fieldsOf(one), 1));
    const spans = messages(fields, 2).flatMap((scopeSpans) => messages(fieldsOf(scopeSpans), 2));
    return spans.map((span) => spanOf(fieldsOf(span), Object.fromEntries(resource)));
  });
}

function spanOf(fields: Fields, resource: ReceivedSpan['resource']): ReceivedSpan {
  return {
    traceId: hex(fields, 1),
    spanId: hex(fields, 2),
    parentId: hex(fields, 4),
    name: text(fields, 5),
    kind: whole(fields, 6),
    attributes: Object.fromEntries(attributesOf(fields, 9)),
    links: messages(fields, 13).map((link) => `${hex(fieldsOf(link), 1)} ${hex(fieldsOf(link), 2)}`),
    failed: messages(fields, 15).some((status) => whole(fieldsOf(status), 3) === 2),
    resource,
  };
}

function attributesOf(fields: Fields, number: number): readonly (readonly [string, string | number])[] {
  return messages(fields, number).map((pair) => {
    const read = fieldsOf(pair);
    const value = fieldsOf(messages(read, 2)[0] ?? Buffer.alloc(0));
    const found = value.get(1) === undefined ? (value.get(4)?.[0] ?? value.get(3)?.[0]) : undefined;
    return [text(read, 1), found === undefined ? text(value, 1) : Number(found)];
  });
}
