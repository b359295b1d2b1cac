/** Handshakes, pure: which namespaces an owner lets in. */

export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>> | undefined;
  readonly matchExpressions?:
    | readonly {
        readonly key: string;
        readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
        readonly values?: readonly string[] | undefined;
      }[]
    | undefined;
}

export interface NamespaceChoice {
  readonly from: 'Same' | 'All' | 'Selector';
  readonly selector?: LabelSelector | undefined;
}

export interface NamespaceFacts {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** `owner`: the namespace of the resource that makes the choice. A `Selector` without selector chooses nobody. */
export function isChosen(choice: NamespaceChoice, owner: string, namespace: NamespaceFacts): boolean {
  switch (choice.from) {
    case 'Same':
      return namespace.name === owner;
    case 'All':
      return true;
    case 'Selector':
      return choice.selector !== undefined && selects(choice.selector, namespace.labels);
  }
}

function selects(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  const exact = Object.entries(selector.matchLabels ?? {}).every(([key, value]) => valueOf(labels, key) === value);
  return (
    exact &&
    (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
      const value = valueOf(labels, key);
      switch (operator) {
        case 'In':
          return value !== undefined && values.includes(value);
        case 'NotIn':
          return value === undefined || !values.includes(value);
        case 'Exists':
          return value !== undefined;
        case 'DoesNotExist':
          return value === undefined;
      }
    })
  );
}

function valueOf(labels: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}
