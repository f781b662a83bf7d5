import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLocalRequest, isLoopback } from '../../src/security/local-access.js';

const REQUESTS = [
  [{ host: 'localhost:8080' }, true],
  [{ host: 'LOCALHOST' }, true],
  [{ host: '127.0.0.1:8080' }, true],
  [{ host: '127.8.9.1' }, true],
  [{ host: '[::1]:8080' }, true],
  [{ host: 'localhost', origin: 'http://localhost:3000' }, true],
  [{ host: 'localhost', origin: 'http://127.0.0.1' }, true],
  [{ host: 'evil.example:8080' }, false],
  [{ host: '127.0.0.1.evil.example' }, false],
  [{ host: 'localhost.evil.example' }, false],
  [{ host: '192.168.0.4:8080' }, false],
  [{ host: 'localhost', origin: 'https://evil.example' }, false],
  [{ host: 'localhost', origin: 'null' }, false],
  [{}, false],
] as const;

for (const [headers, expected] of REQUESTS) {
  test(`${JSON.stringify(headers)} ${expected ? 'is' : 'is not'} a request from this machine`, () => {
    assert.equal(isLocalRequest(headers), expected);
  });
}

for (const [host, expected] of [
  ['127.0.0.1', true],
  ['::1', true],
  ['localhost', true],
  ['0.0.0.0', false],
  ['::', false],
  ['10.0.0.1', false],
] as const) {
  test(`${host} ${expected ? 'is' : 'is not'} loopback`, () => assert.equal(isLoopback(host), expected));
}
