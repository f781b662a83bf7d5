/** Writes ONNX messages field by field, so that a test can also write what no exporter would. */
type Part = Uint8Array;

const utf8 = new TextEncoder();
const join = (parts: readonly Part[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

/** A varint; negative numbers as int64 in two's complement. */
export function varint(value: number | bigint): Uint8Array {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}

export const int = (field: number, value: number | bigint): Part => join([varint(field * 8), varint(value)]);

export function bytes(field: number, payload: Uint8Array | string, claimedLength?: number | bigint): Part {
  const content = typeof payload === 'string' ? utf8.encode(payload) : payload;
  return join([varint(field * 8 + 2), varint(claimedLength ?? content.length), content]);
}

const message = (field: number, ...parts: readonly Part[]): Part => bytes(field, join(parts));

export interface NodeFields {
  readonly op?: string;
  readonly name?: string;
  readonly domain?: string;
  readonly inputs?: readonly string[];
  readonly outputs?: readonly string[];
  readonly attributes?: readonly Part[];
}

/** GraphProto.node, or FunctionProto.node with `field` 7. */
export const node = (fields: NodeFields = {}, field = 1): Part => {
  const { op = 'Relu', name = 'n', domain, inputs = ['x'], outputs = ['y'], attributes = [] } = fields;
  return message(
    field,
    ...inputs.map((input) => bytes(1, input)),
    ...outputs.map((output) => bytes(2, output)),
    bytes(3, name),
    bytes(4, op),
    ...attributes.map((attribute) => bytes(5, attribute)),
    ...(domain === undefined ? [] : [bytes(7, domain)]),
  );
};

/** The content of an AttributeProto. */
export const attribute = (name: string, ...parts: readonly Part[]): Part => join([bytes(1, name), ...parts]);

export interface TensorFields {
  readonly name?: string;
  readonly dims?: readonly (number | bigint)[];
  readonly type?: number;
  readonly raw?: Uint8Array;
  readonly parts?: readonly Part[];
}

/** The content of a TensorProto; a float32 without data unless told otherwise. */
export const tensor = ({ name = 'w', dims = [], type = 1, raw, parts = [] }: TensorFields): Part =>
  join([...dims.map((dim) => int(1, dim)), int(2, type), bytes(8, name), ...(raw ? [bytes(9, raw)] : []), ...parts]);

/** A tensor stored outside the model, with these entries. */
export const external = (entries: Readonly<Record<string, string>>, name = 'w'): Part =>
  tensor({
    name,
    dims: [2],
    parts: [...Object.entries(entries).map(([key, value]) => message(13, bytes(1, key), bytes(2, value))), int(14, 1)],
  });

/** GraphProto.input (11), output (12) or value_info (13): a float32 tensor with these dimensions. */
export const value = (field: number, name: string, dims: readonly (number | bigint | string)[] = [1]): Part =>
  message(
    field,
    bytes(1, name),
    message(
      2,
      message(
        1,
        int(1, 1),
        message(2, ...dims.map((dim) => message(1, typeof dim === 'string' ? bytes(2, dim) : int(1, dim)))),
      ),
    ),
  );

/** A graph from x to y around the given parts. */
export const graph = (...parts: readonly Part[]): Part =>
  join([bytes(2, 'g'), ...parts, value(11, 'x', ['batch', 3]), value(12, 'y', ['batch', 3])]);

export const opset = (version: number | bigint, domain = '', field = 8): Part =>
  message(field, bytes(1, domain), int(2, version));

export interface FunctionFields {
  readonly name: string;
  readonly domain?: string;
  readonly nodes: readonly NodeFields[];
}

/** ModelProto.functions: a function from a to b. */
export const localFunction = ({ name, domain = 'local', nodes }: FunctionFields): Part =>
  message(
    25,
    bytes(1, name),
    bytes(4, 'a'),
    bytes(5, 'b'),
    ...nodes.map((fields) => node(fields, 7)),
    opset(17, '', 9),
    opset(1, domain, 9),
    bytes(10, domain),
  );

export interface ModelFields {
  readonly irVersion?: number;
  readonly graph?: Part;
  readonly opsets?: readonly Part[];
  readonly parts?: readonly Part[];
}

export const model = (fields: ModelFields = {}): Uint8Array => {
  const { irVersion = 8, graph: content = graph(node()), opsets = [opset(17)], parts = [] } = fields;
  return join([int(1, irVersion), bytes(2, 'test'), bytes(7, content), ...opsets, ...parts]);
};

export { join, message };
