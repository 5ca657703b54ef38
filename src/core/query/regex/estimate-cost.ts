import type { AST } from '@eslint-community/regexpp';

/**
 * Bound of the steps of a backtracking search in a text of length n: factor × (n + 1)^(degree + 1). The factor is infinite
 * where no such bound is proven (a loop over something that is ambiguous, may be empty, or loops itself).
 */
export interface Cost {
  readonly degree: number;
  readonly factor: number;
}

export function estimateCost(pattern: AST.Pattern): Cost {
  const { degree, paths } = costOfAlternatives(pattern.alternatives);
  return { degree, factor: paths * Math.max(1, pattern.raw.length) };
}

/** In how many ways a part can match from one position: paths × n^degree. `minLength` 0 means that it may be empty. */
interface Ways {
  readonly degree: number;
  readonly paths: number;
  readonly canBeEmpty: boolean;
}

const once: Ways = { degree: 0, paths: 1, canBeEmpty: false };
const unbounded: Ways = { degree: 0, paths: Number.POSITIVE_INFINITY, canBeEmpty: true };

function costOfAlternatives(alternatives: readonly AST.Alternative[]): Ways {
  const ways = alternatives.map(({ elements }) => costOfSequence(elements));
  return {
    degree: Math.max(...ways.map(({ degree }) => degree)),
    paths: ways.reduce((sum, { paths }) => sum + paths, 0),
    canBeEmpty: ways.some(({ canBeEmpty }) => canBeEmpty),
  };
}

function costOfSequence(elements: readonly AST.Element[]): Ways {
  let degree = 0;
  let paths = 1;
  let canBeEmpty = true;
  for (const element of elements) {
    const ways = costOfElement(element);
    degree += ways.degree;
    paths *= ways.paths;
    canBeEmpty &&= ways.canBeEmpty;
  }
  return { degree, paths, canBeEmpty };
}

function costOfElement(element: AST.Element): Ways {
  switch (element.type) {
    case 'Character':
    case 'CharacterSet':
    case 'CharacterClass':
    case 'ExpressionCharacterClass':
      return once;
    case 'Group':
    case 'CapturingGroup':
      return costOfAlternatives(element.alternatives);
    case 'Backreference':
      // One way to match, but comparing takes as long as what was captured.
      return { degree: 1, paths: 1, canBeEmpty: true };
    case 'Assertion': {
      if (element.kind !== 'lookahead' && element.kind !== 'lookbehind') return { ...once, canBeEmpty: true };
      const inner = costOfAlternatives(element.alternatives);
      return { degree: inner.degree, paths: inner.paths + 1, canBeEmpty: true };
    }
    case 'Quantifier':
      return costOfQuantifier(element);
  }
}

function costOfQuantifier({ min, max, element }: AST.Quantifier): Ways {
  const body = costOfElement(element);
  const canBeEmpty = min === 0 || body.canBeEmpty;
  if (max === 0) return { ...once, canBeEmpty: true };
  if (max === 1) return { degree: body.degree, paths: body.paths + (min === 0 ? 1 : 0), canBeEmpty };
  if (body.degree > 0 || body.canBeEmpty) return unbounded;
  if (max === Number.POSITIVE_INFINITY) {
    return body.paths === 1 ? { degree: 1, paths: Math.max(1, min), canBeEmpty } : unbounded;
  }
  return { degree: 0, paths: (max - min + 1) * body.paths ** max * max, canBeEmpty };
}
