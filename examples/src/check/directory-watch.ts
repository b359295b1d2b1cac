/**
 * What passes between server and directory, seen from both ends: the sample directory's own log of what it was asked, and
 * the server's audit lines, found by the `X-Request-Id` of the answers that the check got.
 */
import { type DirectoryAnswer, type Observations, readObservations } from './facts.ts';
import type { Message } from './messages.ts';

export interface DirectoryWatch {
  /**
   * Since the last look: questions and answers, none when the directory was not asked.
   * @param unavailable somebody was told that it could not be asked, so the audit log must say so, too
   */
  look(requestIds: readonly string[], unavailable: boolean): Promise<readonly Message[]>;
  /** Audit events that tell of something given for these requests. */
  given(requestIds: readonly string[]): Promise<readonly string[]>;
}

export const unreachable = 'no connection';
/** For a line of the log to come through pipes and files. */
const patience = 5000;

/** @param from the last number of the directory's log that is of no interest any more */
export function watchDirectory(address: string, from: number): DirectoryWatch {
  let seen = from;
  return {
    async look(requestIds, unavailable) {
      let found = await readObservations(address);
      const asked = found.directory.filter(({ number, dn }) => number > seen && isAboutPeople(dn));
      seen = Math.max(seen, ...found.directory.map(({ number }) => number));
      if (asked.length === 0 && !unavailable) return [];
      const end = Date.now() + patience;
      let answers = answersTo(found, requestIds);
      while (answers.length === 0 && Date.now() < end) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        found = await readObservations(address);
        answers = answersTo(found, requestIds);
      }
      // Nobody says that it was for these requests: the server looks after its connections, too.
      if (answers.length === 0) return [];
      const failed = answers.some(({ reason }) => reason === 'directory_unavailable');
      const question = asked.length === 0 && failed ? unreachable : questionsOf(asked);
      return [
        { from: 'server', to: 'directory', what: question, names: [] },
        ...(failed ? [] : answers.map(answerMessage)),
      ];
    },
    async given(requestIds) {
      return givenTo(await readObservations(address), requestIds);
    },
  };
}

/** The server also asks now and then whether the directory is there. */
function isAboutPeople(dn: string): boolean {
  return /(^|,)ou=(people|groups),/.test(dn);
}

const questions = ['search ou=people', 'search ou=groups', 'bind as the user'];

/** Each kind once: how often it takes is the server's business. */
function questionsOf(asked: Observations['directory']): string {
  const kinds = asked.map(({ op, dn }) => (op === 'bind' ? 'bind as the user' : `search ${dn.split(',')[0]}`));
  return [...new Set(kinds)].sort((one, other) => questions.indexOf(one) - questions.indexOf(other)).join(', ');
}

const telling = new Set([
  'login.succeeded',
  'login.failed',
  'consent.given',
  'consent.verified',
  'device.approved',
  'device.denied',
  'token.refreshed',
  'token.refused',
  'grant.ended',
]);

function answersTo({ audit }: Observations, requestIds: readonly string[]): readonly DirectoryAnswer[] {
  return audit.filter((line) => telling.has(line.event) && requestIds.includes(line['request.id'] ?? ''));
}

function answerMessage(line: DirectoryAnswer): Message {
  const { event, outcome, scopes = [], scopes_refused: refused = [], rule, reason = 'refused' } = line;
  const isYes = outcome === 'success';
  const lost = isYes && refused.length > 0 ? `, but not to ${refused.join(' ')}` : '';
  const rules = rule === undefined ? '' : ` (${rule.includes(',') ? 'rules' : 'rule'} ${rule})`;
  const server = line['directory.server'];
  return {
    from: 'directory',
    to: 'server',
    what: `${isYes ? 'yes' : `no: ${reason}`}${lost}${rules}`,
    // A sign-in is about the password alone, whatever is asked for.
    names: isYes && event !== 'login.succeeded' ? scopes : [],
    detail: server === undefined ? event : `${event}, ${server}`,
  };
}

/** Events by which the server says that it gave something, or will. */
const giving = new Set(['consent.given', 'code.issued', 'device.approved', 'token.issued', 'token.refreshed']);

function givenTo({ audit }: Observations, requestIds: readonly string[]): readonly string[] {
  return audit
    .filter(({ event, outcome }) => giving.has(event) && outcome === 'success')
    .flatMap((line) => (requestIds.includes(line['request.id'] ?? '') ? [line.event] : []));
}
