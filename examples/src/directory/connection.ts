/** From a socket to messages and back: framing with bounds. Whatever a peer sends, only its own connection ends. */
import type { TLSSocket } from 'node:tls';
import { readMessage, writeDisconnection } from './message.ts';
import type { Session } from './session.ts';

/** Bytes of one request. */
const largestMessage = 64 * 1024;
/** Bytes of answers that a peer may leave unread. */
const largestBacklog = 4 * 1024 * 1024;
const idle = 10 * 60 * 1000;

export function serveConnection(socket: TLSSocket, session: Session): void {
  let received: Buffer = Buffer.alloc(0);
  let ended = false;
  socket.setTimeout(idle, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    if (ended) return;
    received = Buffer.concat([received, chunk]);
    try {
      for (let size = frameSize(received); size !== undefined && received.length >= size; size = frameSize(received)) {
        const frame = received.subarray(0, size);
        received = received.subarray(size);
        ended = !answer(socket, session, frame);
        if (ended) return;
      }
    } catch {
      // No LDAP, or beyond a bound: nothing after it can be trusted to begin where it seems to.
      ended = true;
      received = Buffer.alloc(0);
      socket.write(writeDisconnection());
      socket.destroySoon();
    }
  });
}

function answer(socket: TLSSocket, session: Session, frame: Buffer): boolean {
  const answers = session.handle(readMessage(frame));
  if (answers === 'end') {
    socket.end();
    return false;
  }
  for (const bytes of answers) socket.write(bytes);
  if (socket.writableLength <= largestBacklog) return true;
  socket.destroy();
  return false;
}

class FrameRefused extends Error {}

/** Bytes of the message that begins here, as far as its length is there. @throws FrameRefused */
function frameSize(bytes: Buffer): number | undefined {
  if (bytes.length === 0) return undefined;
  if (bytes[0] !== 0x30) throw new FrameRefused('no LDAPMessage');
  const first = bytes[1];
  if (first === undefined) return undefined;
  if (first < 0x80) return 2 + first;
  const octets = first & 0x7f;
  if (octets === 0 || octets > 4) throw new FrameRefused('length of unusual form');
  if (bytes.length < 2 + octets) return undefined;
  const size = 2 + octets + bytes.readUIntBE(2, octets);
  if (size > largestMessage) throw new FrameRefused('message too long');
  return size;
}
