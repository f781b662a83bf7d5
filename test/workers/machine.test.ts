import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, mock, test } from 'node:test';
import { Machine, type Pausable } from '../../workers/supervisor/machine.js';
import { until } from '../jobs/until.js';
import { isAlive } from './processes.js';

/** A process that sleeps in its own group, and a record of what the machine did to it. */
function sleeper() {
  const child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
  const said: string[] = [];
  const engine: Pausable = {
    pid: child.pid ?? 0,
    pause: () => said.push('pause'),
    resume: () => said.push('resume'),
    granted: () => said.push('granted'),
  };
  return { child, engine, said, end: () => child.kill('SIGKILL') };
}

describe('the exclusive lease', () => {
  test('one engine at a time has the machine, the others stand still', () => {
    const [a, b, c] = [sleeper(), sleeper(), sleeper()];
    const machine = new Machine();
    machine.enter(a.engine);
    machine.enter(b.engine);
    machine.request(a.engine);
    machine.request(b.engine);
    assert.deepEqual(a.said, ['resume', 'granted']);
    assert.deepEqual(b.said, ['pause']);
    machine.enter(c.engine);
    assert.deepEqual(c.said, ['pause'], 'an engine that starts meanwhile waits too');
    machine.release(a.engine);
    assert.deepEqual(a.said.slice(2), ['pause']);
    assert.deepEqual(b.said.slice(1), ['resume', 'granted']);
    machine.release(b.engine);
    for (const { said } of [a, b, c]) assert.equal(said.at(-1), 'resume');
    for (const { end } of [a, b, c]) end();
  });

  test('the death of the holder, and of one that waits, passes the machine on', () => {
    const [a, b, c] = [sleeper(), sleeper(), sleeper()];
    const machine = new Machine();
    for (const { engine } of [a, b, c]) machine.enter(engine);
    for (const { engine } of [a, b, c]) machine.request(engine);
    machine.leave(b.engine);
    machine.leave(a.engine);
    assert.equal(c.said.at(-1), 'granted');
    assert.equal(b.said.includes('granted'), false);
    machine.leave(c.engine);
    for (const { end } of [a, b, c]) end();
  });

  test('nobody holds it for ever', () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    const [a, b] = [sleeper(), sleeper()];
    const machine = new Machine(1000);
    for (const { engine } of [a, b]) machine.enter(engine);
    machine.request(a.engine);
    mock.timers.tick(1000);
    assert.deepEqual(b.said, ['pause', 'resume']);
    machine.release(a.engine);
    assert.deepEqual(a.said, ['resume', 'granted', 'resume'], 'a late release changes nothing');
    mock.timers.reset();
    for (const { end } of [a, b]) end();
  });

  test('asking twice is asking once, and a stranger gets nothing', () => {
    const [a, b] = [sleeper(), sleeper()];
    const machine = new Machine();
    machine.enter(a.engine);
    machine.request(a.engine);
    machine.request(a.engine);
    machine.request(b.engine);
    assert.deepEqual(a.said, ['resume', 'granted']);
    assert.deepEqual(b.said, []);
    machine.leave(a.engine);
    for (const { end } of [a, b]) end();
  });

  test('stopped engines do not outlive the process that stopped them', { timeout: 10_000 }, async () => {
    const script = `
      import { spawn } from 'node:child_process';
      import { Machine } from ${JSON.stringify(new URL('../../workers/supervisor/machine.js', import.meta.url).href)};
      const machine = new Machine();
      const engine = () => {
        const child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
        const act = (signal) => () => process.kill(-child.pid, signal);
        return { pid: child.pid, pause: act('SIGSTOP'), resume: act('SIGCONT'), granted() {} };
      };
      const [a, b] = [engine(), engine()];
      for (const each of [a, b]) machine.enter(each);
      machine.request(a);
      process.stdout.write(a.pid + ' ' + b.pid);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const [holder, stopped] = line.toString().split(' ').map(Number) as [number, number];
    child.kill('SIGKILL');
    await until('the stopped process is dead', () => !isAlive(stopped));
    process.kill(-holder, 'SIGKILL');
  });
});
