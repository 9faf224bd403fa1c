/** Something that a spec says and that cannot be so. */
export interface SpecProblem {
  /** Where it says it: `placeOf` of the YAML document gives the line. */
  readonly path: readonly (string | number)[];
  readonly message: string;
}
