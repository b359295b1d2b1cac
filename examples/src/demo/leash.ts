/**
 * Loaded before a child's own program (`node --import`): the child ends when its parent does, however that ended. The
 * parent holds the other end of standard input and never writes to it; the system closes it with the process.
 */
const patience = 25_000;

process.stdin.once('end', () => {
  process.kill(process.pid, 'SIGTERM');
  setTimeout(() => process.exit(1), patience).unref();
});
process.stdin.on('error', () => undefined);
process.stdin.resume();
// A program that is done may end although its parent lives.
if ('unref' in process.stdin && typeof process.stdin.unref === 'function') process.stdin.unref();
