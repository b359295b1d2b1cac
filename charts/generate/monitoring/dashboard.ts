/** PURE. The dashboard, from what users notice down to the process. */
import { databaseRow, directoryRow, keysRow } from './dependency-rows.ts';
import type { Dashboard, Row } from './grafana.ts';
import { operatorRow, processRow } from './operator-rows.ts';
import { abuseRow, serviceRows } from './service-rows.ts';

const rows: readonly Row[] = [...serviceRows, directoryRow, databaseRow, keysRow, abuseRow, operatorRow, processRow];

export const dashboard: Dashboard = {
  uid: 'nauthera',
  title: 'Nauthera',
  description: 'Authorization servers, what they depend on, and their operator.',
  variables: [
    {
      name: 'namespace',
      label: 'Namespace',
      query: 'label_values(nauthera_build_info{component="server"}, namespace)',
      // Outside of a cluster there is no such label.
      all: '.*',
    },
    {
      name: 'server',
      label: 'Server',
      query: 'label_values(nauthera_build_info{component="server",namespace=~"$namespace"}, job)',
    },
    {
      name: 'instance',
      label: 'Replica',
      query: 'label_values(nauthera_build_info{component="server",namespace=~"$namespace",job=~"$server"}, instance)',
      all: '.*',
    },
    // Without a value for all: other operators have metrics of the same names.
    { name: 'operator', label: 'Operator', query: 'label_values(nauthera_build_info{component="operator"}, job)' },
  ],
  rows,
};
