import { connect } from 'node:tls';

/** Whether a server speaks TLS there, with whatever certificate. */
export function answersTls(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, rejectUnauthorized: false });
    socket.once('secureConnect', () => resolve(socket.end() !== undefined));
    socket.once('error', () => resolve(false));
    socket.setTimeout(10_000, () => resolve(socket.destroy() === undefined));
  });
}
