export interface Address {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

/** `HOST:PORT`; an IPv6 host in brackets. @throws RangeError whose message completes "must be …" */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || port > 65_535) throw new RangeError('HOST:PORT, e.g. 127.0.0.1:8080 or [::1]:8080');
  return { host, port };
}
