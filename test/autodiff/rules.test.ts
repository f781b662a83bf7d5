import { test } from 'node:test';
import { GRADIENT_CASES } from './cases/index.js';
import { checkGradient } from './check-gradient.js';

for (const each of GRADIENT_CASES) test(`gradient of ${each.name}`, () => checkGradient(each));
