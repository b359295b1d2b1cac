/** What a team changes while harm is done to the operator, and what it must find in the end. */

import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { type EndState, endState } from '../support/cluster-state.ts';
import type { AnyObject } from '../support/kube-cluster.ts';
import type { RecordedApi } from './recorded.ts';
import { nameOf, spaceOf } from './servers/recorded-objects.ts';

export interface Place {
  readonly api: RecordedApi;
  readonly databaseUrl: string;
  readonly perNamespace: number;
}

/** How many Clients and Secrets the story changes, each change counted. */
export const changes = 9;

export class Team {
  readonly namespace: string;
  readonly #place: Place;
  readonly #number: number;

  constructor(place: Place, number: number) {
    this.#place = place;
    this.#number = number;
    this.namespace = spaceOf(number * place.perNamespace, place.perNamespace);
  }

  name(index: number): string {
    return nameOf(this.#number * this.#place.perNamespace + index);
  }

  clients(name = ''): string {
    const path = `/apis/auth.nauthera.io/v1alpha1/namespaces/${this.namespace}/clients`;
    return name === '' ? path : `${path}/${name}`;
  }

  edit(index: number, spec: AnyObject) {
    return this.#place.api.request('PATCH', this.clients(this.name(index)), { spec });
  }

  async create(name: string, spec: AnyObject = {}): Promise<number> {
    const { api } = this.#place;
    const like = await api.call('GET', this.clients(this.name(6)));
    const { apiVersion, kind } = like;
    const metadata = { name, namespace: this.namespace };
    const body = { apiVersion, kind, metadata, spec: { ...like.spec, ...spec } };
    return (await api.request('POST', this.clients(), body)).status;
  }

  delete(name: string) {
    return this.#place.api.request('DELETE', this.clients(name));
  }

  /** Edited twice, suspended, deleted, made anew under its old name, made, a Secret deleted, scopes taken away. */
  async tell(pause: number): Promise<void> {
    const { api } = this.#place;
    const anew = this.name(3);
    const steps: readonly (() => Promise<unknown>)[] = [
      () => this.edit(0, { displayName: 'A' }),
      () => this.edit(1, { suspend: true }),
      () => this.delete(this.name(2)),
      () => this.delete(anew),
      () => this.edit(0, { displayName: 'Another A' }),
      () => this.create('new'),
      () => api.request('DELETE', `/api/v1/namespaces/${this.namespace}/secrets/${this.name(4)}-oauth2`),
      () => this.edit(5, { scopes: ['openid'] }),
    ];
    for (const step of steps) {
      await step();
      await sleep(pause);
    }
  }

  /** Once the former one is gone. */
  async makeAnew(): Promise<void> {
    while ((await this.create(this.name(3))) !== 201) await sleep(200);
  }

  /** What of its changes is not served after that time, each in a line: nothing, where nobody does harm. */
  async unserved(limit: number): Promise<readonly string[]> {
    const { api } = this.#place;
    const names = [this.name(0), this.name(3), this.name(4), this.name(5), 'new'];
    const late = await Promise.all(
      names.map(async (name) => ((await this.#untilReady(name, limit)) <= limit ? [] : [name])),
    );
    const { status } = await api.request('GET', this.clients(this.name(2)));
    const { body } = await api.request('GET', this.clients(this.name(1)));
    const ready = (body['status']?.conditions as AnyObject[] | undefined)?.find(({ type }) => type === 'Ready');
    return [
      ...late.flat().map((name) => `${name} is not Ready`),
      ...(status === 404 ? [] : [`${this.name(2)} is not gone`]),
      ...(ready?.reason === 'Suspended' ? [] : [`${this.name(1)} is not Suspended`]),
    ];
  }

  /** Canonical: of two teams with the same story it is the same. */
  async state(): Promise<EndState> {
    const { api, databaseUrl, perNamespace } = this.#place;
    const found = await endState({ cluster: api, databaseUrl, namespaces: { team: this.namespace } });
    const text = JSON.stringify(found).replaceAll(
      /app-(\d{6})/g,
      (_, number) => `app ${Number(number) % perNamespace}`,
    );
    return JSON.parse(text) as EndState;
  }

  /** Milliseconds until it is so; `undefined`: it never was. */
  async until(wanted: EndState, limit: number): Promise<number | undefined> {
    const began = performance.now();
    while (performance.now() - began < limit) {
      if (isDeepStrictEqual(await this.state(), wanted)) return performance.now() - began;
      await sleep(300);
    }
    return undefined;
  }

  /** Milliseconds until the Client says it of its newest generation. */
  untilReady(index: number, limit: number): Promise<number> {
    return this.#untilReady(this.name(index), limit);
  }

  async #untilReady(name: string, limit: number): Promise<number> {
    const began = performance.now();
    while (performance.now() - began < limit) {
      const { metadata, status } = await this.#place.api.call('GET', this.clients(name));
      const ready = (status?.conditions as AnyObject[] | undefined)?.find(({ type }) => type === 'Ready');
      if (ready?.status === 'True' && status.observedGeneration === metadata.generation)
        return performance.now() - began;
      await sleep(50);
    }
    return Number.POSITIVE_INFINITY;
  }
}

/** The first entries that differ, in short. */
export function differenceOf(found: EndState, wanted: EndState): string {
  const parts = Object.keys(wanted) as (keyof EndState)[];
  return parts
    .flatMap((part) => {
      const [has, should] = [found[part], wanted[part]].map((list) => list.map((one) => JSON.stringify(one)));
      const more = has?.filter((one) => !should?.includes(one)).map((one) => `+ ${one}`) ?? [];
      const less = should?.filter((one) => !has?.includes(one)).map((one) => `- ${one}`) ?? [];
      return [...more, ...less].slice(0, 2).map((line) => `${part} ${line.slice(0, 1500)}`);
    })
    .join('\n');
}
