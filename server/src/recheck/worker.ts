/**
 * Runs the sweep: a loop per registered directory, so that one that hangs holds up no other, and one more for those that are
 * gone. Every replica runs all of them; what is given out in the database sees to it that each user is looked at once.
 */
import type { DirectoryRegistration } from '../registry/registration.ts';
import type { SweepReport } from '../registry/report.ts';
import type { Registered } from '../registry/snapshot.ts';
import type { Stop } from '../store/database.ts';
import type { GoneDirectoryStore } from '../store/gone-directories.ts';
import { errorFields } from '../telemetry/log.ts';
import { apartAfter } from './look.ts';
import { intervalOf, type SweepPorts, sweepStep } from './sweep.ts';

/** Milliseconds after something failed. */
const afterFailure = 2_000;
/** Milliseconds between two looks for directories that are gone. */
const goneEvery = 15_000;

export interface RecheckPorts extends SweepPorts {
  readonly gone: GoneDirectoryStore;
}

export interface Recheck {
  start(): Stop;
  /** Of directories whose last round would have ended too many. */
  halted(): ReadonlyMap<string, SweepReport>;
  /** Runs when {@link halted} says something else than before. */
  onHalted(listener: () => void): void;
}

export function createRecheck(ports: RecheckPorts): Recheck {
  const halted = new Map<string, SweepReport>();
  const listeners: (() => void)[] = [];
  const loops = new Map<string, () => Promise<void>>();

  const note = (directory: string, report: SweepReport | undefined): void => {
    if (JSON.stringify(halted.get(directory)) === JSON.stringify(report)) return;
    if (report === undefined) halted.delete(directory);
    else halted.set(directory, report);
    for (const listener of listeners) listener();
  };
  const begin = (directory: string): (() => Promise<void>) => {
    let isKnown = false;
    let isFailing = false;
    let failures = 0;
    return repeat(ports, directory, async (signal) => {
      const registration = ports.snapshot.current.directory(directory)?.value;
      if (registration === undefined) return afterFailure;
      if (!isKnown) await ports.rechecks.ensure(directory, registration.recheck?.confirmed);
      const { next, standing, isLooked, problem } = await sweepStep(ports, directory, failures, signal);
      // Without a standing another replica is at it, or somebody removed the row.
      isKnown = standing !== undefined;
      if (problem !== undefined && !isFailing && !signal.aborted) {
        const fields = { 'nauthera.directory': directory, ...errorFields(problem) };
        ports.log.warn('signed-in users could not be looked at', fields);
      }
      if (isLooked === true || problem !== undefined) isFailing = problem !== undefined;
      if (isLooked !== true && problem !== undefined) failures += 1;
      // Until the round is over: the other lots may be like the one that had to be taken apart.
      else if (standing?.state === 'done' || (isLooked === true && failures < apartAfter)) failures = 0;
      if (standing !== undefined && !signal.aborted) {
        const { finishedAt, halted: isHalted } = standing;
        tell(ports, directory, { registration, finishedAt, isHalted: isHalted !== undefined });
        note(directory, isHalted);
      }
      return next;
    });
  };
  const follow = (): void => {
    const registered = new Set([...ports.snapshot.current.directories()].map(idOf));
    for (const directory of registered) if (!loops.has(directory)) loops.set(directory, begin(directory));
    for (const [directory, stop] of loops) {
      if (registered.has(directory)) continue;
      loops.delete(directory);
      void stop().then(() => forget(ports, directory));
      note(directory, undefined);
    }
  };
  return {
    halted: () => halted,
    onHalted: (listener) => void listeners.push(listener),
    start() {
      const unfollow = ports.snapshot.onSwap(follow);
      follow();
      const stopGone = repeat(ports, undefined, async () => {
        // Before the registry is read, and without a server, nobody knows what is gone.
        if (ports.snapshot.current.server !== undefined) await endGone(ports);
        return goneEvery;
      });
      return async () => {
        unfollow();
        await Promise.all([stopGone(), ...[...loops.values()].map((stop) => stop())]);
        loops.clear();
      };
    },
  };
}

function idOf({ owner }: Registered<DirectoryRegistration>): string {
  return `${owner.namespace}/${owner.name}`;
}

/** Again and again, until stopped; what is under way is told to end, and waited for. */
function repeat(
  { log }: Pick<RecheckPorts, 'log'>,
  directory: string | undefined,
  work: (signal: AbortSignal) => Promise<number>,
): () => Promise<void> {
  const stopping = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const run = (): void => {
    running = work(stopping.signal)
      .catch((error: unknown) => {
        log.warn('the sweep for leavers', { 'nauthera.directory': directory, ...errorFields(error) });
        return afterFailure;
      })
      .then((next) => {
        if (!stopping.signal.aborted) timer = setTimeout(run, next).unref();
      });
  };
  run();
  return async () => {
    stopping.abort();
    clearTimeout(timer);
    await running;
  };
}

async function endGone({ gone, log, metrics }: RecheckPorts): Promise<void> {
  for (const directory of await gone.look()) {
    const { sessions, grants } = await gone.end(directory);
    metrics.grantsEnded.inc({ cause: 'leaver' }, grants);
    log.info('what hung off a deleted directory was ended', {
      'nauthera.directory': directory,
      count: sessions + grants,
    });
  }
}

interface Told {
  readonly registration: DirectoryRegistration;
  readonly finishedAt: number;
  readonly isHalted: boolean;
}

function tell({ metrics }: SweepPorts, directory: string, { registration, finishedAt, isHalted }: Told): void {
  for (const outcome of ['kept', 'ended', 'unknown'] as const) metrics.recheckUsers.inc({ directory, outcome }, 0);
  metrics.recheckLastSuccess.set({ directory }, finishedAt);
  metrics.recheckInterval.set({ directory }, intervalOf(registration));
  metrics.recheckHalted.set({ directory }, isHalted ? 1 : 0);
}

/** A directory that is registered no more has no series any more either. */
function forget({ metrics }: SweepPorts, directory: string): void {
  for (const gauge of [metrics.recheckLastSuccess, metrics.recheckInterval, metrics.recheckHalted])
    gauge.remove({ directory });
}
