/** When a run begins, and whether it has schedules, forks and questions. */

/** Around changes of the clocks, and far from any. */
const beginnings = ['2026-10-24T23:20:00.000Z', '2027-03-28T00:20:00.000Z', '2027-04-03T14:20:00.000Z', '2026-11-22T09:00:00.000Z'] as const

/** In these seeds commands fork sessions. */
export const hasForks = (seed: number): boolean => seed % 8 >= 5
/** In these seeds agents ask before they use a tool, and runners hang out doorbells. */
export const hasQuestions = (seed: number): boolean => seed % 5 === 2
/** Every fourth seed has schedules: they make a run longer. */
export const hasSchedules = (seed: number): boolean => seed % 4 === 3
export const beginningOf = (seed: number): number => Date.parse(beginnings[Math.floor(seed / 4) % beginnings.length] ?? beginnings[0])
