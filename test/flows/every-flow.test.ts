import { describe } from 'vitest';
import { oneProcess } from '../support/deployment.ts';
import { describeEveryFlow } from './every-flow.suite.ts';

describe('every flow, one process', () => describeEveryFlow(oneProcess));
