/**
 * Conditions as kstatus reads them: `Ready` is always there; `Reconciling` and `Stalled` stand only while True, never
 * both; transition times move with a condition's status alone.
 */

export type ConditionStatus = 'True' | 'False' | 'Unknown';

export interface Condition {
  readonly type: string;
  readonly status: ConditionStatus;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
  /** RFC 3339, whole seconds. */
  readonly lastTransitionTime: string;
}

/** What a plan says; `observedGeneration` is added for the generation it looked at, unless it kept an older one. */
export interface ConditionDraft {
  readonly type: string;
  readonly status: ConditionStatus;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
}

/** Who must act for a reason that keeps `Ready` from True: nobody or somebody elsewhere, only an editor, neither word fits. */
export type Standing = 'Reconciling' | 'Stalled' | 'None';

export interface ConditionRules {
  /** Types that `Ready` depends on, in the order in which it copies the first one that is not True. */
  readonly order: readonly string[];
  standing(type: string, reason: string): Standing;
}

/** Longest message; longer ones are cut. */
const longestMessage = 250;

/** One line without control characters, cut to 250 characters. */
export function oneLine(message: string): string {
  const flat = message.replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
  const characters = Array.from(flat);
  return characters.length <= longestMessage ? flat : `${characters.slice(0, longestMessage - 1).join('')}…`;
}

/** For a condition whose prerequisite failed. */
export function blocked(type: string, blocker: string): ConditionDraft {
  return { type, status: 'Unknown', reason: 'Blocked', message: `waits for ${blocker}` };
}

export interface ConditionsInput {
  readonly previous: readonly Condition[];
  /** The kind's own conditions, extras that are True included; no `Ready`, `Reconciling`, `Stalled`. */
  readonly drafts: readonly ConditionDraft[];
  readonly generation: number;
  /** Message of `Ready` when it is True. */
  readonly readyMessage: string;
  /** What `Ready` copies, instead of the first that is not True; its type is the one that its reason belongs to. */
  readonly ready?: ConditionDraft;
  /** RFC 3339. */
  readonly now: string;
}

/** All conditions to write: `Ready` first, then `Reconciling` or `Stalled`, then the kind's own in the order given. */
export function deriveConditions(rules: ConditionRules, input: ConditionsInput): readonly Condition[] {
  const first =
    input.ready ??
    rules.order
      .map((type) => input.drafts.find((draft) => draft.type === type) ?? missing(type))
      .find((draft) => draft.status !== 'True');
  const ready = readyFrom(first, input.readyMessage);
  const drafts: ConditionDraft[] = [{ type: 'Ready', ...ready }];
  const standing = standingOf(rules, first);
  if (standing !== 'None')
    drafts.push({ type: standing, status: 'True', reason: ready.reason, message: ready.message });
  return [...drafts, ...input.drafts].map((draft) => stamp(draft, input));
}

function missing(type: string): ConditionDraft {
  return { type, status: 'Unknown', reason: 'Pending', message: 'Waiting for the operator' };
}

function readyFrom(first: ConditionDraft | undefined, readyMessage: string): Omit<ConditionDraft, 'type'> {
  if (first === undefined) return { status: 'True', reason: 'Ready', message: readyMessage };
  return { status: first.status, reason: first.reason, message: first.message };
}

function standingOf(rules: ConditionRules, first: ConditionDraft | undefined): Standing {
  return first === undefined || first.status === 'True' ? 'None' : rules.standing(first.type, first.reason);
}

function stamp(draft: ConditionDraft, input: ConditionsInput): Condition {
  const before = input.previous.find((condition) => condition.type === draft.type);
  const moved = before === undefined || before.status !== draft.status;
  return {
    type: draft.type,
    status: draft.status,
    reason: draft.reason,
    message: oneLine(draft.message),
    observedGeneration: draft.observedGeneration ?? input.generation,
    lastTransitionTime: moved ? input.now : before.lastTransitionTime,
  };
}

/** Whole seconds, as Kubernetes writes times. */
export function rfc3339(epochMilliseconds: number): string {
  return `${new Date(epochMilliseconds).toISOString().slice(0, 19)}Z`;
}
