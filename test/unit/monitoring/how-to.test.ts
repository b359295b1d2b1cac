import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { promtool } from '../../support/promtool.ts';

const read = (path: string) => readFileSync(join(import.meta.dirname, '../../..', path), 'utf8');

it('Prometheus takes the configuration that the documentation shows', async () => {
  const block = /^```yml\n([\s\S]*?)^```$/m.exec(read('docs/how-to/monitor.md'))?.[1] ?? '';
  expect(block).toContain('scrape_configs:');
  // Debian's Prometheus is built without this; the rest is what one gets wrong.
  const discovery = 'kubernetes_sd_configs: [{ role: pod }]';
  expect(block).toContain(discovery);
  const config = block.replace(discovery, 'static_configs: [{ targets: ["localhost:9090"] }]');
  const files = { 'prometheus.yml': config, 'alerts.yaml': read('charts/nauthera/files/alerts.yaml') };
  expect(await promtool(['check', 'config', 'prometheus.yml'], files)).toBe('');
});
