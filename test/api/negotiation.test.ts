import assert from 'node:assert/strict';
import { test } from 'node:test';
import { negotiate } from '../../src/api/accept.js';
import { byteRange, noneMatches } from '../../src/api/content/byte-range.js';
import { attachment } from '../../src/api/content/disposition.js';
import { waitSeconds } from '../../src/api/prefer.js';
import { ServiceError } from '../../src/platform/errors.js';

const OFFERED = ['application/json', 'text/markdown'] as const;
for (const [accept, expected] of [
  [undefined, 'application/json'],
  ['', 'application/json'],
  ['*/*', 'application/json'],
  ['text/markdown', 'text/markdown'],
  ['text/*', 'text/markdown'],
  ['application/json;q=0.5, text/markdown', 'text/markdown'],
  ['text/markdown;q=0.2, application/json;q=0.9', 'application/json'],
  ['*/*;q=0.1, application/json;q=0', 'text/markdown'],
  ['TEXT/MARKDOWN; charset=utf-8', 'text/markdown'],
] as const) {
  test(`Accept: ${accept} gets ${expected}`, () => assert.equal(negotiate(accept, OFFERED), expected));
}
test('an Accept that takes nothing that is offered is 406', () => {
  assert.throws(
    () => negotiate('image/png', OFFERED),
    (error) => error instanceof ServiceError && error.code === 'not_acceptable',
  );
});

const ETAG = '"sha256:ab"';
for (const [range, ifRange, expected] of [
  [undefined, undefined, { kind: 'whole' }],
  ['bytes=0-9', undefined, { kind: 'part', start: 0, end: 9 }],
  ['bytes=90-', undefined, { kind: 'part', start: 90, end: 99 }],
  ['bytes=-10', undefined, { kind: 'part', start: 90, end: 99 }],
  ['bytes=50-500', undefined, { kind: 'part', start: 50, end: 99 }],
  ['bytes=100-', undefined, { kind: 'unsatisfiable' }],
  ['bytes=0-1,5-6', undefined, { kind: 'whole' }],
  ['bytes=oops', undefined, { kind: 'whole' }],
  ['items=0-9', undefined, { kind: 'whole' }],
  ['bytes=0-9', ETAG, { kind: 'part', start: 0, end: 9 }],
  ['bytes=0-9', '"sha256:other"', { kind: 'whole' }],
  ['bytes=0-9', `W/${ETAG}`, { kind: 'whole' }],
] as const) {
  test(`Range: ${range}, If-Range: ${ifRange} of 100 bytes`, () => {
    assert.deepEqual(byteRange(range, ifRange, ETAG, 100), expected);
  });
}
for (const [header, expected] of [
  [undefined, false],
  [ETAG, true],
  [`W/${ETAG}`, true],
  [`"x", ${ETAG}`, true],
  ['*', true],
  ['"x"', false],
] as const) {
  test(`If-None-Match: ${header}`, () => assert.equal(noneMatches(header, ETAG), expected));
}

for (const [prefer, expected] of [
  [undefined, null],
  ['wait=30', 30],
  ['wait=0', 0],
  ['respond-async, wait=5', 5],
  ['wait="10"', 10],
  ['wait=9999', 60],
  ['wait', 60],
  ['Wait=7', 7],
  ['await=7', null],
  ['handling=lenient', null],
] as const) {
  test(`Prefer: ${prefer} waits ${expected}`, () => assert.equal(waitSeconds(prefer), expected));
}

for (const [name, expected] of [
  ['model.onnx', `attachment; filename="model.onnx"; filename*=UTF-8''model.onnx`],
  ['a"b\r\nc', `attachment; filename="a_b__c"; filename*=UTF-8''a%22b%0D%0Ac`],
  ['Übung 1', `attachment; filename="_bung_1"; filename*=UTF-8''%C3%9Cbung%201`],
  ["it's(1)*", `attachment; filename="it_s_1__"; filename*=UTF-8''it%27s%281%29%2A`],
  ['\ud800', `attachment; filename="_"; filename*=UTF-8''%EF%BF%BD`],
] as const) {
  test(`a download named ${JSON.stringify(name)}`, () => assert.equal(attachment(name), expected));
}
