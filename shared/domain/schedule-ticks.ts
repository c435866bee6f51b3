/** The nominal ticks of a schedule, as the decisions ask for them. */

export interface TickSource {
  /** The first tick strictly after an instant; undefined where there is none. */
  after(ref_ms: number): number | undefined
  /** Ticks after `from_ms` and up to `to_ms`, oldest first, at most `count_max`. */
  between(from_ms: number, to_ms: number, count_max: number): readonly number[]
  /** What the alarm clock can be told to ring at all ticks by itself; undefined where it cannot be told. */
  readonly native: readonly string[] | undefined
}
