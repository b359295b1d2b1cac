/** Whether the tables are ready for the pods, and what is done until they are. */

import type { ConditionDraft } from '../../../runtime/conditions.ts';
import type { Patience } from '../../../runtime/patience.ts';
import { type Child, type Children, isObject } from '../../../sources/children.ts';
import type { DatabaseState } from '../../registries.ts';
import type { EventSink } from '../../world.ts';
import { type DeploymentContext, names, selectorOf, shortDigest } from './context.ts';
import { type Migration, migrationJob, migrationsOf } from './migration.ts';
import type { MigrationSlots } from './migration-slots.ts';
import { conditionOf, lastWords, member, podProblem } from './rollout.ts';

export type Migrated =
  | { readonly ready: true; readonly digest: string }
  /** `condition`: `DatabaseReady`; `undefined`: as the database says itself. */
  | { readonly ready: false; readonly condition: ConditionDraft | undefined };

export interface MigratingOptions {
  readonly children: Children;
  readonly slots: MigrationSlots;
  readonly events: EventSink;
  readonly patience: Patience;
  /** A migration has ended: whoever waits for the tables may look. */
  readonly onEnded: () => void;
}

/** Milliseconds after which a migration that was seen to have failed is tried again: what it met may have been repaired. */
const retryAfter = 300_000;
/** Milliseconds that a database gets to say that it is up to date, once a migration has ended. */
const settleAfter = 30_000;

/** Of all that the pods need. */
export function migratedDigest(context: DeploymentContext): string {
  return shortDigest(migrationsOf(context).map(({ digest }) => digest));
}

/**
 * @param database what the operator itself finds there
 * @param before digest of the migrations that the pods which there are were made after
 * @param anew somebody asks to try again
 */
export async function migrateFirst(
  options: MigratingOptions,
  context: DeploymentContext,
  {
    database,
    before,
    anew,
  }: { readonly database: DatabaseState; readonly before: string | undefined; readonly anew: boolean },
): Promise<Migrated> {
  const digest = migratedDigest(context);
  if (before === digest && database.tables !== 'missing') return { ready: true, digest };
  for (const migration of migrationsOf(context)) {
    const condition = await migrateOnce(options, context, migration, { database, anew });
    if (condition !== 'done') return { ready: false, condition };
  }
  return { ready: true, digest };
}

async function migrateOnce(
  { children, slots, events, patience, onEnded }: MigratingOptions,
  context: DeploymentContext,
  migration: Migration,
  { database, anew }: { readonly database: DatabaseState; readonly anew: boolean },
): Promise<ConditionDraft | undefined | 'done'> {
  const { server } = context;
  const name = names.migration(server, migration.digest);
  const job = children.get('Job', server.namespace, name);
  const waiting = `Job/${server.namespace}/${name}`;
  const remove = async (ended: Child): Promise<void> => {
    await children.remove(ended);
    patience.over(waiting);
  };
  if (job === undefined) {
    // It would only wait, and count its failures: the database says itself what is wrong.
    if (database.tables === undefined) return undefined;
    if (!slots.take(server)) return running('those of other AuthorizationServers');
    await children.apply(server, migrationJob(context, migration));
    const note = `Job ${name} brings the database up to date`;
    events.record(server, { type: 'Normal', reason: 'MigrationStarted', note });
    return running();
  }
  if (job.owner !== server.uid || job.deleting) return running();
  const state = stateOf(job);
  if (state !== 'running') slots.done(server.uid);
  if (state === 'complete') {
    onEnded();
    if (database.tables !== 'missing') {
      patience.over(waiting);
      return 'done';
    }
    // Another database than the one that it was for.
    if (patience.waited(waiting, job.uid) > settleAfter) await remove(job);
    return running();
  }
  const pods = await children.pods(server.namespace, {
    ...selectorOf(server, 'migration'),
    'batch.kubernetes.io/job-name': name,
  });
  if (state === 'running') return running(podProblem(pods, true));
  if (patience.waited(waiting, job.uid) > retryAfter || anew) await remove(job);
  const words = lastWords(pods) ?? `Job ${name} failed without a word`;
  return {
    type: 'DatabaseReady',
    status: 'False',
    reason: 'MigrationFailed',
    message: `the migration failed: ${words}`,
  };
}

function running(problem?: string): ConditionDraft {
  const waiting = 'the tables are brought up to date. Waiting';
  const message = problem === undefined ? waiting : `${waiting} for ${problem}`;
  return { type: 'DatabaseReady', status: 'False', reason: 'MigrationRunning', message };
}

function stateOf(job: Child): 'running' | 'complete' | 'failed' {
  const all = member(job.object, 'status')['conditions'];
  const conditions = Array.isArray(all) ? all.filter(isObject) : [];
  if (conditionOf(conditions, 'Complete')?.['status'] === 'True') return 'complete';
  return conditionOf(conditions, 'Failed')?.['status'] === 'True' ? 'failed' : 'running';
}
