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

  it('what is shared finds all that share it, and nothing that shares other things or no longer does', () => {
    const index = new ReferenceIndex();
    const shared = ['Scope', 'Namespace//shop'];
    index.record('Client/shop/web', { shared, own: ['Secret/shop/web'] });
    index.record('Client/shop/job', { shared: [...shared], own: ['Secret/shop/job', 'Scope'] });
    index.record('Client/auth/job', { shared: ['Scope', 'Namespace//auth'], own: [] });
    index.record('Scope/shop/read', ['Scope']);
    expect(index.dependents('Scope').toSorted()).toEqual([
      'Client/auth/job',
      'Client/shop/job',
      'Client/shop/web',
      'Scope/shop/read',
    ]);
    expect(index.dependents('Namespace//shop')).toEqual(['Client/shop/web', 'Client/shop/job']);
    expect(index.dependents('Secret/shop/web')).toEqual(['Client/shop/web']);
    index.record('Client/shop/web', { shared: ['Namespace//shop'], own: ['Secret/shop/web'] });
    index.record('Client/shop/job', []);
    expect(index.knows('Client/shop/job')).toBe(false);
    expect(index.dependents('Namespace//shop')).toEqual(['Client/shop/web']);
    expect(index.dependents('Scope').toSorted()).toEqual(['Client/auth/job', 'Scope/shop/read']);
    // Whoever comes when the last of them has gone.
    index.record('Client/shop/late', { shared, own: [] });
    expect(index.dependents('Namespace//shop')).toEqual(['Client/shop/web', 'Client/shop/late']);
  });

  it('what is shared and moves during a look is missed by whoever did not name it before', () => {
    const index = new ReferenceIndex();
    index.record('Client/shop/web', { shared: ['Scope', 'registry/main'], own: [] });
    const look = index.beginLook();
    index.moved('Scope');
    expect(index.record('Client/shop/web', { shared: ['Scope', 'LdapBinding'], own: [] }, look)).toBe(false);
    expect(index.record('Client/shop/job', { shared: ['Scope', 'LdapBinding'], own: [] }, look)).toBe(true);
    expect(index.record('Client/shop/late', { shared: ['Scope'], own: [] }, look, 'Scope')).toBe(false);
  });
});
