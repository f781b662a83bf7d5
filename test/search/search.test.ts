import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CALIBRATION_METHODS, QuantizeStep, SCHEMES } from '../../src/contracts/quantize-step.js';
import type { NodeReport } from '../../src/contracts/report.js';
import type { Recipe } from '../../src/contracts/search-plan.js';
import { ServiceError } from '../../src/platform/errors.js';
import type { MadeModel, Measurements } from '../../src/search/candidate.js';
import { ladder } from '../../src/search/ladder.js';
import { Search, type SearchOptions } from '../../src/search/search.js';
import { type MemoryStore, searchMemory } from '../../src/search/search-memory.js';
import type { Workshop } from '../../src/search/workshop.js';
import { madeModel, measurements, NO_MEMORY, plain, recipe } from './fixtures.js';

const integerNode = (name: string, sqnr_db: number | null): NodeReport => ({
  ...{ name, op_type: 'Conv', integer: true, sqnr_db, exact_everywhere: true },
});

/** A workshop whose models and numbers are made up, on a clock that moves by `seconds` per model. */
function workshop(
  numbers: (recipe: Recipe) => Measurements,
  options: { seconds?: number; make?: (recipe: Recipe) => MadeModel } = {},
): Workshop & { discarded: string[]; made: string[] } {
  let elapsed = 0;
  const recipes = new Map<MadeModel, Recipe>();
  const of = (made: MadeModel) => numbers(recipes.get(made) as Recipe);
  const discarded: string[] = [];
  const names: string[] = [];
  return {
    discarded,
    made: names,
    make: async (wanted) => {
      elapsed += options.seconds ?? 1;
      names.push(wanted.variant);
      const made = options.make?.(wanted) ?? madeModel(wanted.variant, 100);
      recipes.set(made, wanted);
      return made;
    },
    score: async (made) => of(made),
    timing: (models) => ({ round: async () => models.map(({ made }) => of(made)) }),
    discard: async (made) => void discarded.push(made.sha256),
    elapsedSeconds: () => elapsed,
  };
}

const search = (recipes: readonly Recipe[], shop: Workshop, options: Partial<SearchOptions> = {}) =>
  new Search({
    ...{
      rungs: recipes.map((one) => plain(one)),
      memory: NO_MEMORY,
      workshop: shop,
      require: undefined,
      budgetSeconds: 100,
      original: 'original',
    },
    ...{ signal: new AbortController().signal, progress: () => {} },
    ...options,
  }).run();

describe('the ladder', () => {
  const step = QuantizeStep.parse({ type: 'quantize', scheme: 'auto', exclude: ['head'], objective: 'size' });

  test('holds every scheme but fp16 and every calibration method, cheap ones first, with what the caller wrote', () => {
    const rungs = ladder(step, false).map((rung) => rung.recipe);
    assert.equal(rungs[0]?.step?.scheme, 'int8_dynamic');
    const cheap = SCHEMES.filter((scheme) => scheme !== 'fp16');
    assert.deepEqual(new Set(rungs.map((rung) => rung.step?.scheme)), new Set(cheap));
    assert.deepEqual(
      ladder({ ...step, schemes: ['fp16'] }, false).map(({ recipe: { step: one } }) => one?.scheme),
      ['fp16'],
    );
    const methods = rungs.flatMap((rung) =>
      rung.step?.scheme === 'int8_static' ? [rung.step.calibration.method] : [],
    );
    assert.deepEqual(new Set(methods), new Set(CALIBRATION_METHODS));
    for (const rung of rungs) {
      assert.deepEqual(rung.step?.exclude, ['head']);
      assert.deepEqual(QuantizeStep.parse(rung.step), rung.step);
    }
  });

  test('tells a scheme nothing that only another reads, so that its plan can be posted', () => {
    const told = QuantizeStep.parse({
      ...{ type: 'quantize', scheme: 'auto', schemes: [...SCHEMES], per_channel: false, only_what_pays: false },
      ...{ calibration: { method: 'percentile', samples: 7 }, weights: { bits: 2 }, portable: true },
    });
    const steps = ladder(told, false).flatMap(({ recipe: { step: one } }) => one ?? []);
    for (const one of steps) assert.deepEqual(QuantizeStep.parse(one), one);
    const bits = steps.map((one) => [one.scheme === 'int4_weights', one.weights.bits === 2]);
    assert.ok(bits.every(([few, two]) => few === two));
    assert.ok(steps.some(({ scheme, calibration }) => scheme === 'fp16' && calibration.samples === 7));
  });

  test('a small budget sees every scheme before the ways to win a metric back', () => {
    const rungs = ladder(step, false);
    const schemes = new Set(rungs.map(({ recipe }) => recipe.step?.scheme)).size;
    assert.equal(new Set(rungs.slice(0, schemes).map(({ recipe }) => recipe.step?.scheme)).size, schemes);
    assert.ok((rungs.at(-1)?.recipe.step?.transforms.length ?? 0) > 0, 'the dearest at the end');
    const first = rungs.findIndex(({ repairs }) => repairs !== null);
    assert.ok(rungs.slice(first).every(({ recipe, repairs }) => repairs?.step?.scheme === recipe.step?.scheme));
  });

  test('only what the caller allows; pinned when shapes are, beside the clean-up that is not', () => {
    const rungs = ladder({ ...step, schemes: ['optimized', 'int8_dynamic'] }, true).map((rung) => rung.recipe);
    assert.deepEqual(new Set(rungs.map((rung) => rung.step?.scheme)), new Set(['optimized', 'int8_dynamic']));
    assert.equal(rungs.filter(({ pin_shapes }) => !pin_shapes).length, 1);
  });
});

describe('a search', () => {
  test('stops at the budget and says so', async () => {
    const shop = workshop(() => measurements(1.5, 0), { seconds: 40 });
    const found = await search(
      ['a', 'b', 'c', 'd'].map((name) => recipe(name)),
      shop,
    );
    assert.deepEqual(shop.made, ['a', 'b']);
    assert.match(found[3]?.refused ?? '', /not tried: the budget of 100 s is used up/);
  });

  test('a dear recipe is begun only when the budget has room for all of it', async () => {
    const shop = workshop(() => measurements(1.5, 0), { seconds: 10 });
    const rungs = [
      plain(recipe('cheap')),
      { recipe: recipe('dear'), repairs: null, effort: 12 },
      { recipe: recipe('half as dear'), repairs: null, effort: 6 },
    ];
    const found = await search([], shop, { rungs });
    assert.deepEqual(shop.made, ['cheap', 'half as dear']);
    assert.match(found[1]?.refused ?? '', /not tried: the budget/);
  });

  test('what the first one takes to score the original is not expected of the others', async () => {
    let first = true;
    const shop = workshop(() => measurements(1.5, 0), { seconds: 10 });
    const { make } = shop;
    const slowStart = async (one: Recipe) => {
      if (first) await make(one);
      if (first) await make(one);
      first = false;
      return make(one);
    };
    const recipes = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => recipe(name));
    const found = await search(recipes, { ...shop, make: slowStart });
    assert.equal(
      found.filter(({ refused }) => refused === null).length,
      6,
      '30 s, and 10 s for each of five: 80 of 100',
    );
  });

  test('a recipe that cannot be carried out gives its reason; a mistake of ours is thrown', async () => {
    const refusing = (error: Error) =>
      workshop(() => measurements(1.5, 0), {
        make: () => {
          throw error;
        },
      });
    const [found] = await search([recipe('a')], refusing(new ServiceError('nothing_to_quantize', 'Nothing is left.')));
    assert.equal(found?.refused, 'Nothing is left.');
    await assert.rejects(search([recipe('a')], refusing(new TypeError('mistake'))), TypeError);
  });

  test('the same bytes are measured once, and the original is no candidate', async () => {
    const shop = workshop(() => measurements(1.5, 0), {
      make: ({ variant }) => madeModel(variant === 'c' ? 'original' : 'same', 100),
    });
    const found = await search(
      ['a', 'b', 'c'].map((name) => recipe(name)),
      shop,
    );
    assert.deepEqual(
      found.map(({ refused }) => refused),
      [null, 'the same model as int8_static (a)', 'the same model as the original'],
    );
  });

  const nodes = [integerNode('fine', 40), integerNode('worst', 3), integerNode('dead', null), integerNode('bad', 10)];
  const without = ({ float_nodes, variant }: Recipe) =>
    madeModel(
      `${variant}${float_nodes}`,
      100 + float_nodes.length,
      nodes.filter(({ name }) => !float_nodes.includes(name)),
    );

  test('the worst nodes are put back to float until the metric holds', async () => {
    const shop = workshop(({ float_nodes }) => measurements(1.5, float_nodes.includes('bad') ? 0 : 0.1), {
      make: without,
    });
    const found = await search([recipe('a')], shop);
    assert.deepEqual(
      found.map(({ recipe: { float_nodes } }) => float_nodes),
      [[], ['worst', 'bad', 'fine']],
    );
    assert.match(found[0]?.refused ?? '', /loses/);
    assert.equal(found[1]?.refused, null);
    assert.match(found[1]?.recipe.variant ?? '', /3 nodes put back to float/);
  });

  test('in vain when nothing is left, and not at all for what is slower anyway', async () => {
    const losing = workshop(() => measurements(1.5, 0.1), { make: without });
    assert.equal((await search([recipe('a')], losing)).length, 1);
    assert.equal(losing.made.length, 4, 'one, then 1, 3 and 4 nodes back in float');
    const slow = workshop(() => measurements(0.5, 0.1), { make: without });
    await search([recipe('a')], slow);
    assert.equal(slow.made.length, 1);
  });

  test('files of what is beaten go at once', async () => {
    const shop = workshop(({ variant }) => measurements(variant === 'a' ? 1.1 : 1.5, 0));
    await search([recipe('a'), recipe('b')], shop);
    assert.deepEqual(shop.discarded, ['a']);
  });

  describe('what can only win a metric back', () => {
    const [base, repair] = [recipe('base'), recipe('repair')];
    const rungs = [plain(base), { ...plain(repair), repairs: base }];
    const CASES = [
      { is: 'tried where something is lost', found: measurements(1.2, 0.004), refused: null },
      {
        is: 'not tried where nothing is',
        found: measurements(1.2, 0),
        refused: /^not tried: .*\(base\) loses nothing/,
      },
      {
        is: 'not tried for what is too slow',
        found: measurements(0.7, 0.1),
        refused: /^not tried: it would be as slow/,
      },
    ];
    for (const { is, found, refused } of CASES) {
      test(is, async () => {
        const candidates = await search(
          [],
          workshop(() => found),
          { rungs },
        );
        const last = candidates.at(-1);
        assert.equal(last?.recipe.variant, 'repair');
        if (refused === null) assert.equal(last?.refused, null);
        else assert.match(last?.refused ?? '', refused);
      });
    }

    test('not tried when there is no such model', async () => {
      const shop = workshop(() => measurements(1.2, 0.1), { make: () => madeModel('original', 100) });
      const last = (await search([], shop, { rungs })).at(-1);
      assert.equal(last?.refused, 'not tried: int8_static (base): the same model as the original');
    });
  });
});

describe('a search whose process was killed', () => {
  const recipes = ['a', 'b', 'c'].map((name) => recipe(name));
  const stored = new Map<string, Uint8Array>();
  const store: MemoryStore = {
    load: async (name) => stored.get(name) ?? null,
    save: async (name, bytes) => void stored.set(name, bytes),
  };
  const memory = searchMemory(store, 'this search');
  const dying = () => {
    const shop = workshop(({ variant }) => measurements(variant === 'a' ? 1.1 : 1.3, 0), { seconds: 20 });
    const { make } = shop;
    return {
      ...shop,
      make: (one: Recipe) => (one.variant === 'c' ? Promise.reject(new TypeError('killed')) : make(one)),
    };
  };

  test('goes on with what it had measured, and its time counts', async () => {
    await assert.rejects(search(recipes, dying(), { memory }), TypeError);
    const shop = workshop(() => measurements(1.2, 0), { seconds: 20 });
    const found = await search(recipes, shop, { memory });
    assert.deepEqual(shop.made, ['c']);
    assert.deepEqual(
      found.map(({ measured }) => measured?.speedup.value),
      [1.1, 1.3, 1.2],
    );
    assert.equal(found[1]?.made?.files, null, 'its files went with the process');
    const late = workshop(() => measurements(1.2, 0), { seconds: 20 });
    await assert.rejects(search(recipes, dying(), { memory: searchMemory(store, 'late') }), TypeError);
    const [, , last] = await search(recipes, late, { memory: searchMemory(store, 'late'), budgetSeconds: 70 });
    assert.match(last?.refused ?? '', /the budget of 70 s is used up/);
  });

  test('does not take what another search left, nor what is not its own', async () => {
    await assert.rejects(search(recipes, dying(), { memory }), TypeError);
    const shop = workshop(() => measurements(1.2, 0));
    await search(recipes, shop, { memory: searchMemory(store, 'another search') });
    assert.deepEqual(shop.made, ['a', 'b', 'c']);
    stored.set('search', Buffer.from('{}'));
    assert.equal(await memory.load(), null);
  });
});
