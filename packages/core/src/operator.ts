/**
 * A linear map with its exact adjoint, as iterative solvers and networks with projectors need it.
 */

/** Real arrays that operators map between. */
export type RealArray = Float32Array | Float64Array;

/** A linear operator A: R^domain → R^range. Implementations are tested by ⟨Ax, y⟩ = ⟨x, Aᵀy⟩ from a registry. */
export interface LinearOperator<A extends RealArray = RealArray> {
  readonly name: string;
  /** Number of input samples. */
  readonly domainLength: number;
  /** Number of output samples. */
  readonly rangeLength: number;
  /** y = Ax; writes into `out` (zeroed first) when given. */
  apply(x: A, out?: A): A;
  /** x = Aᵀy; writes into `out` (zeroed first) when given. */
  applyAdjoint(y: A, out?: A): A;
}

/**
 * The same map where the work may run elsewhere (worker threads, a GPU): results may come later. Every
 * {@link LinearOperator} is one; solvers take this type and await.
 */
export interface AsyncLinearOperator<A extends RealArray = RealArray> {
  readonly name: string;
  readonly domainLength: number;
  readonly rangeLength: number;
  /** y = Ax; writes into `out` when given. */
  apply(x: A, out?: A): A | Promise<A>;
  /** x = Aᵀy; writes into `out` when given. */
  applyAdjoint(y: A, out?: A): A | Promise<A>;
}
