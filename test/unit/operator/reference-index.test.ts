import { describe, expect, it } from 'vitest';
import { ReferenceIndex } from '../../../operator/src/runtime/reference-index.ts';

describe('who depends on what', () => {
  it('a change finds those that name the thing, and no longer those that did', () => {
    const index = new ReferenceIndex();
    index.record('Client/shop/web', ['Secret/shop/a', 'Scope']);
    index.record('Client/shop/job', ['Scope']);
    expect(index.moved('Scope')).toEqual(['Client/shop/web', 'Client/shop/job']);
    index.record('Client/shop/web', ['Scope']);
    expect(index.moved('Secret/shop/a')).toEqual([]);
  });

  it('what moves between the first look at it and the record is told by the record, once', () => {
    const index = new ReferenceIndex();
    const look = index.beginLook();
    expect(index.moved('Secret/shop/a')).toEqual([]);
    expect(index.record('Client/shop/web', ['Secret/shop/a'], look)).toBe(true);
    expect(index.record('Client/shop/web', ['Secret/shop/a'], look)).toBe(false);
    index.endLook(look);
  });

  it('nothing is told of what moved before the look, of what is not named, or by a look that has ended', () => {
    const index = new ReferenceIndex();
    const longer = index.beginLook();
    index.moved('Secret/shop/a');
    const look = index.beginLook();
    index.moved('Secret/shop/other');
    expect(index.record('Client/shop/web', ['Secret/shop/a'], look)).toBe(false);
    index.endLook(longer);
    index.endLook(look);
    const next = index.beginLook();
    expect(index.record('Client/shop/job', ['Secret/shop/other'], next)).toBe(false);
  });

  it('a shorter look that ends takes nothing from a longer one', () => {
    const index = new ReferenceIndex();
    const longer = index.beginLook();
    const shorter = index.beginLook();
    index.moved('Secret/shop/a');
    index.endLook(shorter);
    expect(index.record('Client/shop/web', ['Secret/shop/a'], longer)).toBe(true);
  });
});
