/** The buttons of the demo's directory. */
import type { FastifyInstance } from 'fastify';
import { problemPage } from '../pages/layout.ts';
import { directoryActions, type Sandbox } from '../sandbox.ts';
import { formOf, page } from './web.ts';

export function mountDirectory(app: FastifyInstance, sandbox: Sandbox): void {
  app.post('/directory', async (request, reply) => {
    const form = formOf(request);
    const action = directoryActions.find((one) => one === form.get('action'));
    if (action === undefined) return page(reply.code(400), problemPage('Nothing done', 'No such action.'));
    await sandbox.directory.perform(action, form.get('username') ?? '');
    const place = action === 'lock' || action === 'unlock' ? 'people' : 'directory';
    return reply.redirect(`/#${place}`, 303);
  });
}
