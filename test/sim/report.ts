/** What a run of many seeds tells. */
import { fault_kinds, fault_names } from './faults.ts'
import type { Sum } from './many.ts'

const hours = (ms: number): number => ms / 3_600_000

export interface Pace {
  readonly seeds_per_s: number
  readonly virtual_hours_per_s: number
}
export const paceOf = (sum: Pick<Sum, 'seeds' | 'virtual_ms'>, took_ms: number): Pace => ({
  seeds_per_s: (sum.seeds / took_ms) * 1_000,
  virtual_hours_per_s: (hours(sum.virtual_ms) / took_ms) * 1_000,
})

export const paceText = ({ seeds_per_s, virtual_hours_per_s }: Pace): string =>
  `${seeds_per_s.toFixed(1)} seeds and ${virtual_hours_per_s.toFixed(0)} virtual hours per second`

/** Faults by how often they struck. */
export const faultTable = ({ faults, seeds }: Pick<Sum, 'faults' | 'seeds'>): string =>
  fault_names
    .map(
      (name) =>
        `${name.padEnd(26)} ${String(faults[name]).padStart(8)} ${(faults[name] / Math.max(1, seeds)).toFixed(2).padStart(8)} per seed   ${fault_kinds[name]}`,
    )
    .join('\n')

const countsText = (counts: Readonly<Record<string, number>>, between: string): string =>
  Object.entries(counts)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, count]) => `${count} ${name}`)
    .join(between)

export const sumText = (sum: Sum, took_ms: number): string => {
  const ends = countsText(sum.ends, ', ')
  const inputs = countsText(sum.inputs, '; ')
  const questions = countsText(sum.questions, ', ')
  const failures = sum.failures.map(({ seed, violations }) => `seed ${seed}: ${violations.join('\n  ')}`)
  return [
    faultTable(sum),
    '',
    ...failures,
    `${sum.seeds} seeds, ${sum.failures.length} failed; ${hours(sum.virtual_ms).toFixed(0)} virtual hours; tasks: ${ends}; inputs: ${inputs}; questions: ${questions}`,
    `${paceText(paceOf(sum, took_ms))}; hash ${sum.hash}`,
  ].join('\n')
}
