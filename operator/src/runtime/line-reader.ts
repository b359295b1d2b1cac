/** Lines of JSON from a stream of bytes, each of bounded length. */
import { ApiUnreadable } from './kubernetes-api.ts';

const newline = 0x0a;

/**
 * @throws ApiUnreadable a line that is no JSON, or longer than `longest` bytes
 */
export async function* readLines(
  body: AsyncIterable<Buffer>,
  { longest, onBytes }: { readonly longest: number; readonly onBytes: () => void },
): AsyncGenerator<unknown, void, undefined> {
  let parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    onBytes();
    let from = 0;
    for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, from)) {
      size += at - from;
      if (size > longest) throw new ApiUnreadable('A line of the watch is too long');
      const line = parts.length === 0 ? chunk.subarray(from, at) : Buffer.concat([...parts, chunk.subarray(from, at)]);
      parts = [];
      size = 0;
      from = at + 1;
      if (line.length > 0) yield parse(line);
    }
    if (from === chunk.length) continue;
    parts.push(chunk.subarray(from));
    size += chunk.length - from;
    if (size > longest) throw new ApiUnreadable('A line of the watch is too long');
  }
}

function parse(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString('utf8'));
  } catch {
    throw new ApiUnreadable('A line of the watch is no JSON');
  }
}
