import { describe, expect, it } from 'vitest';
import {
  asks,
  confirmRetirementAnnotation,
  handled,
  reconcileAnnotation,
} from '../../../operator/src/controllers/annotations.ts';

const asked = (annotations: Record<string, string>, lastHandled?: Record<string, string>) => ({
  annotations,
  status: lastHandled === undefined ? {} : { lastHandled },
});

describe('annotations that ask for something once', () => {
  it('each new value asks, the same value does not', () => {
    const name = confirmRetirementAnnotation;
    expect(asks(asked({}), name)).toBe(false);
    expect(asks(asked({ [name]: '1' }), name)).toBe(true);
    expect(asks(asked({ [name]: '1' }, { [name]: '1' }), name)).toBe(false);
    expect(asks(asked({ [name]: '2' }, { [name]: '1' }), name)).toBe(true);
  });

  it('are echoed once they were acted upon; reconcile by every pass', () => {
    const both = { [reconcileAnnotation]: 'now', [confirmRetirementAnnotation]: 'yes', other: 'x' };
    expect(handled(asked({ other: 'x' }))).toBeUndefined();
    expect(handled(asked(both))).toEqual({ [reconcileAnnotation]: 'now' });
    expect(handled(asked(both), [confirmRetirementAnnotation])).toEqual({
      [reconcileAnnotation]: 'now',
      [confirmRetirementAnnotation]: 'yes',
    });
  });

  it('taken away and put back they ask for nothing again', () => {
    const echoed = handled(asked({}, { [reconcileAnnotation]: '1' }));
    expect(echoed).toEqual({ [reconcileAnnotation]: '1' });
    expect(asks(asked({ [reconcileAnnotation]: '1' }, echoed), reconcileAnnotation)).toBe(false);
  });

  it('a value longer than a status holds counts by its beginning', () => {
    const long = 'x'.repeat(300);
    const echoed = handled(asked({ [reconcileAnnotation]: long }));
    expect(echoed?.[reconcileAnnotation]).toHaveLength(256);
    expect(asks(asked({ [reconcileAnnotation]: long }, echoed), reconcileAnnotation)).toBe(false);
  });
});
