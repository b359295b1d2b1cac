/** The page of the demo's directory, and its buttons. */
import type { FastifyInstance } from 'fastify';
import { directoryPage } from '../pages/directory.ts';
import { problemPage } from '../pages/layout.ts';
import { type DirectoryAction, directoryActions, type Sandbox } from '../sandbox.ts';
import { formOf, notFound, page, queryOf } from './web.ts';

export function mountDirectory(app: FastifyInstance, sandbox: Sandbox): void {
  app.get('/directory', async (request, reply) => {
    const found = await sandbox.sampleUsers();
    const asked = queryOf(request).get('user');
    const user = found?.users.find(({ username }) => asked === null || username === asked);
    if (user === undefined && asked !== null && found !== undefined && found.users.length > 0)
      return notFound(reply, 'Nobody of that name is among the sample users of the LdapBinding.');
    return page(reply, directoryPage({ sandbox, found, user }));
  });
  app.post('/directory', async (request, reply) => {
    const form = formOf(request);
    const action = directoryActions.find((one) => one === form.get('action'));
    if (action === undefined) return page(reply.code(400), problemPage('Nothing done', 'No such action.'));
    const username = form.get('username') ?? '';
    await sandbox.directory.perform(action, { username, group: form.get('group') ?? '' });
    return reply.redirect(shownAfter(action, username), 303);
  });
}

/** The part of a page that the button is on. */
function shownAfter(action: DirectoryAction, username: string): string {
  switch (action) {
    case 'join':
    case 'leave':
      return `/directory?user=${encodeURIComponent(username)}#groups`;
    case 'lock':
    case 'unlock':
      return '/#people';
    case 'start':
    case 'stop':
      return '/#directory';
  }
}
