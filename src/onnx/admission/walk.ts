import type { Field, Kind, Message } from './messages.js';
import { BYTES, type Cursor, FIXED32, FIXED64, VARINT, WireError } from './wire.js';

/**
 * What to do with the fields of a message, by name. Messages without an entry are walked through all the same, so that nothing malformed gets past
 * the scan into a decoder; other fields without an entry are passed over.
 */
export interface Visitors {
  readonly ints?: Readonly<Record<string, (value: bigint) => void>>;
  readonly bytes?: Readonly<Record<string, (payload: Cursor) => void>>;
  readonly counts?: Readonly<Record<string, (count: number) => void>>;
  /** Pass over everything without an entry: another walk over the same message looks at it. */
  readonly partial?: boolean;
}

const WIRE: Readonly<Record<Kind, number>> = {
  int: VARINT,
  bytes: BYTES,
  float: FIXED32,
  countVarint: VARINT,
  count32: FIXED32,
  count64: FIXED64,
};

/**
 * Walks over the fields of a message in file order. Unknown field numbers are passed over, as every protobuf reader does.
 * @throws WireError for a known field of the wrong wire type, and for a single field that stands twice.
 */
export function walk(cursor: Cursor, type: Message, visit: Visitors): void {
  let seen = 0;
  while (!cursor.done) {
    const at = cursor.position;
    const { field: number, wire } = cursor.tag();
    const field = type.fields[number];
    if (!field) {
      cursor.skip(wire);
      continue;
    }
    const packed = field.many && wire === BYTES && field.kind !== 'bytes';
    if (wire !== WIRE[field.kind] && !packed)
      throw new WireError('malformed', at, `${type.name}.${field.name} at byte ${at} has the wrong wire type`);
    if (!field.many) {
      if (seen & (1 << number))
        throw new WireError('malformed', at, `${type.name}.${field.name} stands twice, again at byte ${at}`);
      seen |= 1 << number;
    }
    if (packed) visitPacked(cursor.payload(), field, visit);
    else visitOne(cursor, field, wire, visit);
  }
}

function visitOne(cursor: Cursor, field: Field, wire: number, visit: Visitors): void {
  const { name, kind } = field;
  if (kind === 'bytes') {
    const payload = cursor.payload();
    const visitor = visit.bytes?.[name];
    if (visitor) visitor(payload);
    else if (field.of && !visit.partial) walk(payload, field.of(), {});
  } else if (kind === 'int' && visit.ints?.[name]) {
    visit.ints[name](cursor.signed());
  } else {
    cursor.skip(wire);
    visit.counts?.[name]?.(1);
  }
}

function visitPacked(payload: Cursor, field: Field, visit: Visitors): void {
  const { name, kind } = field;
  if (kind === 'int') {
    const visitor = visit.ints?.[name];
    while (!payload.done) {
      const value = payload.signed();
      visitor?.(value);
    }
    return;
  }
  const count = visit.counts?.[name];
  if (!count) return;
  if (kind === 'countVarint') {
    count(payload.countVarints());
    return;
  }
  const size = kind === 'count32' ? 4 : 8;
  if (payload.length % size !== 0)
    throw new WireError('malformed', payload.position, `${name} at byte ${payload.position} is not whole numbers`);
  count(payload.length / size);
}
