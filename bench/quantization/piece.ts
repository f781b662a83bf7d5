/**
 * One piece of a run, in a process of its own: `piece.js make|score CASE CONTENDER` or `piece.js time CASE CONTENDER,…`. So its memory
 * is its own, and a model that crashes ONNX Runtime costs one row.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ServiceError } from '../../src/platform/errors.js';
import { CASES } from './cases.js';
import { contenders } from './contenders.js';
import { makeOurs } from './make-ours.js';
import { makePeer } from './make-peer.js';
import { Results } from './results.js';
import { scoreContender } from './score.js';
import { settings } from './settings.js';
import { timeContenders } from './time.js';

const [, , phase, name = '', who = ''] = process.argv;
const benchCase = CASES[name];
if (!benchCase) throw new Error(`there is no case ${name}`);
const where = settings(process.env);
const results = new Results(where.output);

/** A failure that has a reason is a result. */
async function orReason<Result>(work: Promise<Result>): Promise<Result | { error: string }> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof ServiceError) return { error: error.detail };
    throw error;
  }
}

if (phase === 'time') {
  await results.keepTiming(name, await timeContenders(name, benchCase, who.split(','), where, results));
} else {
  const contender = contenders(benchCase).find((one) => one.name === who);
  if (!contender) throw new Error(`there is no contender ${who}`);
  if (phase === 'score') {
    await results.keepScore(name, who, await orReason(scoreContender(name, benchCase, contender, where, results)));
  } else {
    const making =
      contender.kind === 'ours'
        ? makeOurs(name, benchCase, contender, where, results)
        : makePeer(name, benchCase, contender, where, results);
    await results.keepMade(name, who, await orReason(making));
  }
  await rm(join(results.contender(name, who), 'scratch'), { recursive: true, force: true });
}
