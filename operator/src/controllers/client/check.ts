/**
 * What a Client's pass looked at when it ended with everything as it should be, kept beside its row: pure. A process that
 * begins passes over those of which none of it differs, instead of reading every Secret and row once more.
 */

export interface ClientCheck {
  /** Of the Client's object, once the pass had written what it wrote. */
  readonly version: string;
  /** Digest of what Clients of one namespace share: see `ground.ts`. */
  readonly ground: string;
  /** Versions of the Secrets that were read or written, by name. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Epoch milliseconds at which something of it ends by itself; left out: never. */
  readonly due?: number | undefined;
  /** Whether users sign in. */
  readonly users: boolean;
  /** Those that are not built in; each of them was open to it. */
  readonly scopes: readonly string[];
}

/** How things stand now, as far as that is told without reading any of them. */
export interface Standing {
  /** `undefined`: nothing is known of the object, or somebody must look at it. */
  readonly version: string | undefined;
  /** `undefined`: it cannot be told yet. */
  readonly ground: string | undefined;
  /** `undefined`: there is none, or nobody tells of its changes. */
  secretVersion(name: string): string | undefined;
  /** Whether a scope of its server is open to its namespace. */
  isOpen(scope: string): boolean;
  /** Names of the Secrets that say that they were made for the Client. */
  readonly owned: readonly string[];
  /** A live replica refuses its row. */
  readonly rejected: boolean;
  /** Another registry has a row of it. */
  readonly elsewhere: boolean;
  /** Epoch milliseconds. */
  readonly now: number;
}

export type Difference = 'client' | 'ground' | 'scopes' | 'secrets' | 'due' | 'rejected' | 'elsewhere';

/** The first thing that is not as it was; `undefined`: a pass would find what the one before found. */
export function differenceOf(check: ClientCheck, standing: Standing): Difference | undefined {
  if (standing.version !== check.version) return 'client';
  if (standing.ground !== check.ground) return 'ground';
  if (!check.scopes.every((scope) => standing.isOpen(scope))) return 'scopes';
  if (Object.entries(check.secrets).some(([name, version]) => standing.secretVersion(name) !== version))
    return 'secrets';
  if (standing.owned.some((name) => !Object.hasOwn(check.secrets, name))) return 'secrets';
  if (check.due !== undefined && check.due <= standing.now) return 'due';
  if (standing.rejected) return 'rejected';
  return standing.elsewhere ? 'elsewhere' : undefined;
}

/** The form of what is kept: another one says nothing to this version. */
const form = 1;

export function writeCheck({ version, ground, secrets, due, users, scopes }: ClientCheck): string {
  return JSON.stringify([form, version, ground, secrets, due ?? null, users, scopes]);
}

/** `undefined`: it says nothing that is understood. Who may write to the database may have written it. */
export function readCheck(state: string): ClientCheck | undefined {
  const found = parsed(state);
  if (!Array.isArray(found)) return undefined;
  const [is, version, ground, secrets, due, users, scopes]: readonly unknown[] = found;
  if (is !== form || typeof version !== 'string' || typeof ground !== 'string' || typeof users !== 'boolean')
    return undefined;
  if (!isTexts(secrets) || !Array.isArray(scopes) || !scopes.every(isText)) return undefined;
  if (due !== null && typeof due !== 'number') return undefined;
  return { version, ground, secrets, ...(due === null ? {} : { due }), users, scopes };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(isText);
}
