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

const counts = { good: 0, failed: 0, again: 0, problems: [] };
const problem = (text) => {
  counts.failed += 1;
  if (counts.problems.length < 10) counts.problems.push(`${new Date().toISOString()} ${text}`);
};

const fetchToken = (options) =>
  new Promise((resolve) => {
    const headers = {
      authorization,
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': body.length,
    };
    const asked = request(url, { method: 'POST', headers, timeout: 15_000, ...options }, (answer) => {
      let text = '';
      answer.on('data', (chunk) => (text += chunk));
      answer.on('end', () => {
        if (answer.statusCode === 200 && JSON.parse(text).access_token !== undefined) counts.good += 1;
        else problem(`${answer.statusCode} ${text.slice(0, 200)}`);
        resolve();
      });
      answer.on('error', (error) => resolve(problem(`answer: ${error.message}`)));
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer in 15 s')));
    // A kept connection that the server closed while the request left: it is sent once more, which is what every HTTP client
    // does, and counted.
    asked.on('error', (error) => {
      if (asked.reusedSocket && error.code === 'ECONNRESET') {
        counts.again += 1;
        resolve(fetchToken(options));
      } else resolve(problem(error.code ?? error.message));
    });
    asked.end(body);
  });

const loop = async (options, pause) => {
  for (;;) {
    await fetchToken(options());
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
};
for (let one = 0; one < 4; one++) void loop(() => ({ agent: kept }), 20);
void loop(() => ({ agent: new Agent({ ca, keepAlive: false }) }), 20);
setInterval(() => console.log(JSON.stringify(counts)), 1000);
process.once('SIGTERM', () => process.exit(0));
