// An application that fetches tokens all the time, four over kept connections and one over a new connection each time. It
// says once a second, as JSON, how many it got and what failed. Its settings are the files of its Secret below /oauth2.
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';

const read = (name) => readFileSync(`/oauth2/${name}`, 'utf8');
const url = read('token-uri');
const ca = read('ca.crt');
const authorization = `Basic ${Buffer.from(`${encodeURIComponent(read('client-id'))}:${encodeURIComponent(read('client-secret'))}`).toString('base64')}`;
const kept = new Agent({ ca, keepAlive: true, timeout: 15_000 });
const body = 'grant_type=client_credentials';

// again: a kept connection had been closed while the request left, which every HTTP client answers by sending it once more.
// lost: no answer came on a connection that was there, or none could be made; sent again too, at most ten times.
// slow: a server hung up because the handshake took longer than it waits for one (5 s): the node had no time. Sent again, too.
const counts = { good: 0, failed: 0, again: 0, lost: 0, slow: 0, problems: [] };
const mostTries = 10;
const note = (text) => {
  if (counts.problems.length < 20) counts.problems.push(`${new Date().toISOString()} ${text}`);
};
const problem = (text) => {
  counts.failed += 1;
  note(text);
};
const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));

/** Resolves with the status and the text; rejects without an answer. */
const ask = (options) =>
  new Promise((resolve, reject) => {
    const headers = {
      authorization,
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': body.length,
    };
    const started = Date.now();
    let secured = false;
    const asked = request(url, { method: 'POST', headers, timeout: 15_000, ...options }, (answer) => {
      let text = '';
      answer.on('data', (chunk) => (text += chunk));
      answer.on('end', () => resolve({ status: answer.statusCode, text }));
      answer.on('error', reject);
    });
    asked.on('socket', (socket) => socket.once('secureConnect', () => (secured = true)));
    asked.on('timeout', () => asked.destroy(new Error('no answer in 15 s')));
    asked.on('error', (error) => {
      const hungUp = error.code === 'ECONNRESET';
      const again = asked.reusedSocket && hungUp;
      const slow = !asked.reusedSocket && hungUp && !secured && Date.now() - started > 4_500;
      reject(Object.assign(error, { again, slow }));
    });
    asked.end(body);
  });

const fetchToken = async (options) => {
  for (let tries = 1; ; tries++) {
    try {
      const { status, text } = await ask(options());
      if (status === 200 && JSON.parse(text).access_token !== undefined) counts.good += 1;
      else problem(`${status} ${text.slice(0, 200)}`);
      return;
    } catch (error) {
      if (error.again) counts.again += 1;
      else if (error.slow) counts.slow += 1;
      else {
        counts.lost += 1;
        note(`lost: ${error.code ?? error.message}`);
      }
      if (tries === mostTries) return problem(`gave up: ${error.code ?? error.message}`);
      if (!error.again) await pause(100 * tries);
    }
  }
};

const loop = async (options) => {
  for (;;) {
    await fetchToken(options);
    await pause(20);
  }
};
for (let one = 0; one < 4; one++) void loop(() => ({ agent: kept }));
void loop(() => ({ agent: new Agent({ ca, keepAlive: false }) }));
setInterval(() => console.log(JSON.stringify(counts)), 1000);
process.once('SIGTERM', () => process.exit(0));
