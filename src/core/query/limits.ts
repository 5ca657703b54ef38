/** Bounds of one filter, update or sort. They keep parsing, SQL text and matching small whatever a client sends. */
export const queryLimits = {
  /** Levels of nesting, counted over operators and operand values together. */
  depth: 100,
  /** Conditions (field predicates and logical operators) in one filter. */
  conditions: 2_000,
  /** Scalars, objects and arrays in all operands of one filter. */
  values: 200_000,
  /** Segments of one dotted path. */
  pathSegments: 100,
  /** UTF-16 units of one regular expression's source. */
  patternLength: 4_096,
  /** Keys of one sort. */
  sortKeys: 32,
} as const;
