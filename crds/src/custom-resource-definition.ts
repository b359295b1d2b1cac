/** PURE. A kind as a CustomResourceDefinition (apiextensions.k8s.io/v1). */
import { apiGroup, version } from './api.ts';
import type { KindInfo } from './kinds.ts';

export function customResourceDefinition(info: KindInfo, bundleVersion: string): Readonly<Record<string, unknown>> {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${info.plural}.${apiGroup}`,
      annotations: { 'auth.nauthera.io/bundle-version': bundleVersion },
      labels: { 'app.kubernetes.io/part-of': 'nauthera', ...info.labels },
    },
    spec: {
      group: apiGroup,
      scope: 'Namespaced',
      names: {
        kind: info.kind,
        listKind: `${info.kind}List`,
        plural: info.plural,
        singular: info.singular,
        shortNames: [info.shortName],
        categories: ['nauthera'],
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          additionalPrinterColumns: info.columns.map(({ name, type, jsonPath, priority }) => ({
            name,
            type,
            jsonPath,
            // The API server keeps no zero: one that stands here would be a difference that never ends.
            ...(priority === 0 ? {} : { priority }),
          })),
          ...(info.selectableFields.length === 0
            ? {}
            : { selectableFields: info.selectableFields.map((jsonPath) => ({ jsonPath })) }),
          subresources: { status: {} },
          schema: { openAPIV3Schema: info.schema },
        },
      ],
    },
  };
}
