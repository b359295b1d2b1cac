/**
 * PURE. Distinguished names as values (RFC 4514): read strictly, compared part by part, never as text. What a directory
 * returns is read here with the same distrust as what a resource says.
 */
/** One `type=value` of an RDN; the type in lower case, the value without escapes. */
export interface NamePart {
  readonly type: string;
  readonly value: string;
}
/** RDNs from the entry up to the root; an RDN may have several parts. */
export type DistinguishedName = readonly (readonly NamePart[])[];
/** `null` when the text is no DN or longer than 1 KiB. The empty text is the root's name. */
export declare function parseDn(text: string): DistinguishedName | null;
/** Names and values without regard to case, as directories compare them by default (RFC 4518 §2: map, normalise, spaces). */
export declare function foldText(text: string): string;
export declare function sameDn(one: DistinguishedName, other: DistinguishedName): boolean;
/** Whether `name` is `base` or stands below it. */
export declare function isUnder(name: DistinguishedName, base: DistinguishedName): boolean;
