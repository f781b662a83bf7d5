import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { CONSUMER_TIMING } from '../../src/jobs/bullmq-consumer.js';
import type { Delivery } from '../../src/jobs/queue.js';
import { STACKS, type TestStack } from './stacks.js';
import { until } from './until.js';

const names = (deliveries: readonly Delivery[]) => deliveries.map(({ job, step }) => `${job}-${step}`).sort();

for (const { name, skip, open } of STACKS) {
  describe(`the step queue on ${name}`, { skip }, () => {
    let stack: TestStack;
    before(async () => {
      // Real locks: with short ones, a busy machine makes a live consumer look lost, and its step is delivered again.
      stack = await open(CONSUMER_TIMING);
      await until('the queue can be reached', () =>
        stack.context.queue.known().then(
          () => true,
          () => false,
        ),
      );
    });
    after(() => stack.stop());

    it('hands every step to exactly one of two consumers', async (t) => {
      const { queue } = stack.context;
      const other = stack.another();
      t.after(() => other.close());
      const seen: string[] = [];
      const handler = async ({ job, step }: Delivery) => {
        seen.push(`${job}-${step}`);
        return 'done' as const;
      };
      const consumers = [queue.consume('quantize', 2, handler), other.context.queue.consume('quantize', 2, handler)];
      t.after(() => Promise.all(consumers.map((consumer) => consumer.close())));
      const sent = Array.from({ length: 50 }, (_, index) => `job_${index}`);
      for (const job of sent) await queue.enqueue({ queue: 'quantize', job, step: 0 });
      await until('all steps are handled', () => seen.length >= 50);
      await Promise.all(consumers.map((consumer) => consumer.close()));
      assert.deepEqual(seen.sort(), sent.map((job) => `${job}-0`).sort());
      assert.deepEqual(await queue.known(), []);
    });

    it('knows a step once, however often it is enqueued, and forgets it on request', async () => {
      const { queue } = stack.context;
      const step = { queue: 'quantize', job: 'job_twice', step: 1 } as const;
      await queue.enqueue(step);
      await queue.enqueue(step);
      assert.deepEqual(await queue.known(), [step]);
      assert.deepEqual(await queue.counts('quantize'), { waiting: 1, active: 0 });
      await queue.remove(step);
      assert.deepEqual(await queue.known(), []);
    });

    it('takes a step again after it was done', async (t) => {
      const { queue } = stack.context;
      let handled = 0;
      const consumer = queue.consume('quantize', 1, async () => {
        handled += 1;
        return 'done';
      });
      t.after(() => consumer.close());
      const step = { queue: 'quantize', job: 'job_again', step: 0 } as const;
      for (const times of [1, 2, 3]) {
        await queue.enqueue(step);
        await until('the step is handled', () => handled === times);
        await until('the queue forgot it', async () => (await queue.known()).length === 0);
      }
      await consumer.close();
    });

    it('drops a delivery whose handler throws, so that it can be enqueued again', async (t) => {
      const { queue } = stack.context;
      let handled = 0;
      const consumer = queue.consume('quantize', 1, async () => {
        handled += 1;
        throw new Error('broken');
      });
      t.after(() => consumer.close());
      const step = { queue: 'quantize', job: 'job_throws', step: 0 } as const;
      await queue.enqueue(step);
      await until('the delivery is dropped', async () => handled === 1 && (await queue.known()).length === 0);
      await queue.enqueue(step);
      await until('it came again', () => handled === 2);
      await consumer.close();
    });

    it('gives steps back at once when a consumer closes', async (t) => {
      const { queue } = stack.context;
      const other = stack.another();
      t.after(() => other.close());
      const sent = ['job_a', 'job_b', 'job_c'];
      const started: string[] = [];
      const leaving = other.context.queue.consume('quantize', 2, async ({ job }, signal) => {
        started.push(job);
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        return 'give_back';
      });
      t.after(() => leaving.close());
      for (const job of sent) await queue.enqueue({ queue: 'quantize', job, step: 0 });
      await until('two are being worked on', () => started.length === 2);
      assert.equal((await queue.counts('quantize')).active, 2);
      await leaving.close();
      assert.deepEqual(
        names(await queue.known()),
        sent.map((job) => `${job}-0`),
      );
      assert.deepEqual(await queue.counts('quantize'), { waiting: 3, active: 0 });
      const seen: string[] = [];
      const staying = queue.consume('quantize', 1, async ({ job }) => {
        seen.push(job);
        return 'done';
      });
      t.after(() => staying.close());
      await until('all are handled', () => seen.length === 3);
      await staying.close();
      assert.deepEqual(seen.sort(), sent);
    });

    it('keeps the queues apart', async (t) => {
      const { queue } = stack.context;
      await queue.enqueue({ queue: 'distill', job: 'job_long', step: 0 });
      await queue.enqueue({ queue: 'quantize', job: 'job_short', step: 0 });
      const seen: string[] = [];
      const consumer = queue.consume('quantize', 1, async ({ job }) => {
        seen.push(job);
        return 'done';
      });
      t.after(() => consumer.close());
      await until('the short one is handled', () => seen.length === 1);
      await consumer.close();
      assert.deepEqual(await queue.known(), [{ queue: 'distill', job: 'job_long', step: 0 }]);
      assert.deepEqual(seen, ['job_short']);
      await queue.clear();
    });

    it('forgets everything when cleared, deliveries that are held included', async (t) => {
      const { queue } = stack.context;
      const other = stack.another();
      t.after(() => other.close());
      const held: (() => void)[] = [];
      const consumer = other.context.queue.consume('quantize', 1, async () => {
        await new Promise<void>((resolve) => held.push(resolve));
        return 'done';
      });
      t.after(() => consumer.close());
      for (const job of ['job_held', 'job_waiting']) await queue.enqueue({ queue: 'quantize', job, step: 0 });
      await until('one is held', () => held.length === 1);
      await queue.clear();
      assert.deepEqual(await queue.known(), []);
      await queue.enqueue({ queue: 'quantize', job: 'job_held', step: 0 });
      assert.equal((await queue.known()).length, 1);
      held[0]?.();
      await until('the new delivery is held', () => held.length === 2);
      held[1]?.();
      await until('it is over', async () => (await queue.known()).length === 0);
      await consumer.close();
    });

    it('wakes a watcher in another process', async (t) => {
      const other = stack.another();
      t.after(() => other.close());
      const watch = other.context.signals.watch('job_watched');
      let woken = false;
      // The subscription may not be there yet; a hint may be lost, so it is given until it arrives.
      const waiting = watch.changed().then(() => {
        woken = true;
      });
      const started = Date.now();
      await until('the watcher wakes', () => {
        stack.context.signals.publish('job_watched');
        return woken;
      });
      await waiting;
      assert.ok(Date.now() - started < 4000, 'woken by the hint, not by the safety poll');
      watch.close();
    });
  });
}
