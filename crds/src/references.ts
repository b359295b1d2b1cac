/** PURE. References to other objects. None names a namespace, except the one that an AuthorizationServer must answer. */
import { Type } from 'typebox';
import { choice, group, text } from './field.ts';
import { dataKey, namespaceName, objectName } from './text-rules.ts';

const secretName = (what: string, example: string) =>
  text({ what, max: 253, rules: [objectName], allowed: 'name of a Secret in the namespace of this object', example });

/** A Secret in the resource's own namespace, read by its well-known keys. */
export const secretRef = (what: string, keys: string, example: string, leftOut: string) =>
  Type.Optional(
    group(
      { name: secretName(`Name of the Secret. ${keys}`, example) },
      { what, allowed: 'a Secret in the namespace of this object', example: { name: example }, leftOut },
    ),
  );

/** One key of a Secret in the resource's own namespace. */
export const secretKeyRef = (what: string, key: string, example: string) =>
  group(
    {
      name: secretName('Name of the Secret.', example),
      key: text({
        what: 'Key inside the Secret.',
        max: 253,
        rules: [dataKey],
        allowed: 'a key of that Secret',
        default: key,
        example: key,
      }),
    },
    { what, allowed: 'a Secret in the namespace of this object', example: { name: example } },
  );

/** One key of a ConfigMap in the resource's own namespace. */
export const configMapKeyRef = (what: string, key: string, example: string, leftOut: string) =>
  Type.Optional(
    group(
      {
        name: text({
          what: 'Name of the ConfigMap.',
          max: 253,
          rules: [objectName],
          allowed: 'name of a ConfigMap in the namespace of this object',
          example,
        }),
        key: text({
          what: 'Key inside the ConfigMap.',
          max: 253,
          rules: [dataKey],
          allowed: 'a key of that ConfigMap',
          default: key,
          example: key,
        }),
      },
      { what, allowed: 'a ConfigMap in the namespace of this object', example: { name: example }, leftOut },
    ),
  );

/** One key of a ConfigMap or a Secret in the resource's own namespace, with certificates. */
export const bundleRef = (what: string, key: string, example: string, leftOut: string) =>
  Type.Optional(
    group(
      {
        kind: choice(['ConfigMap', 'Secret'], {
          what: 'Where the certificates stand. Of a Secret the pods get this key alone.',
          allowed: 'ConfigMap, Secret',
          default: 'ConfigMap',
          example: 'Secret',
        }),
        name: text({
          what: 'Name of the ConfigMap or Secret.',
          max: 253,
          rules: [objectName],
          allowed: 'name of an object in the namespace of this object',
          example,
        }),
        key: text({
          what: 'Key inside it.',
          max: 253,
          rules: [dataKey],
          allowed: 'a key of that ConfigMap or Secret',
          default: key,
          example: key,
        }),
      },
      {
        what,
        allowed: 'a ConfigMap or a Secret in the namespace of this object',
        example: { kind: 'Secret', name: example },
        leftOut,
      },
    ),
  );

export const authorizationServerRef = Type.Optional(
  group(
    {
      name: text({
        what: 'Name of the AuthorizationServer.',
        max: 40,
        rules: [objectName],
        allowed: 'name of an object, at most 40 characters',
        example: 'default',
      }),
      namespace: Type.Optional(
        text({
          what: 'Namespace of the AuthorizationServer. It must invite the namespace of this object.',
          max: 63,
          rules: [namespaceName],
          allowed: 'name of a namespace',
          example: 'identity',
          leftOut: 'the namespace of this object',
        }),
      ),
    },
    {
      what: 'The AuthorizationServer that serves this object.',
      example: { name: 'default', namespace: 'identity' },
      leftOut:
        'the one AuthorizationServer annotated auth.nauthera.io/is-default: "true"; status keeps its name until this object is edited',
    },
  ),
);
