/** `npm run sim`: simulates seeds, or shows one. See docs/correctness.md. */
import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { fault_names, type FaultKind } from './faults.ts'
import { timelinePage } from './timeline.ts'
import { simulateMany } from './many.ts'
import { sumText } from './report.ts'
import { shrink } from './shrink.ts'
import { actsOf, simulate } from './simulate.ts'
import { traceText } from './trace.ts'

const usage = `npm run sim -- [options]
  --seeds N       how many seeds (300)
  --from S        the first seed (1)
  --minutes M     stop after this long
  --first         stop at the first seed that fails
  --workers N     threads (one per core); 1 stays in this one
  --json          one object at the end, and nothing else
  --seed S        one seed alone
    --trace         what happened, line by line
    --html FILE     what happened, as a page to look at
    --shrink        the fewest acts and faults with which it still fails
    --acts N        how much the seed does
    --without A,B   faults that never strike`

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '300' },
    from: { type: 'string', default: '1' },
    minutes: { type: 'string' },
    first: { type: 'boolean', default: false },
    workers: { type: 'string', default: String(availableParallelism()) },
    json: { type: 'boolean', default: false },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    html: { type: 'string' },
    shrink: { type: 'boolean', default: false },
    acts: { type: 'string' },
    without: { type: 'string', default: '' },
    help: { type: 'boolean', default: false },
  },
})

const say = (text: string): void => void process.stdout.write(`${text}\n`)
const fail = (text: string): never => {
  process.stderr.write(`${text}\n`)
  process.exit(2)
}

const whole = (name: string, text: string): number => {
  const value = Number(text)
  return Number.isSafeInteger(value) && value > 0 ? value : fail(`--${name} is ${text}: it must be a whole number from 1 on`)
}
const isFault = (name: string): name is FaultKind => fault_names.some((known) => known === name)
const faultsIn = (text: string): readonly FaultKind[] =>
  text
    .split(',')
    .filter((name) => name !== '')
    .map((name) => (isFault(name) ? name : fail(`--without names ${name}: there is ${fault_names.join(', ')}`)))

const showOne = async (seed: number): Promise<void> => {
  const acts = values.acts === undefined ? actsOf(seed) : whole('acts', values.acts)
  const without = faultsIn(values.without)
  const simulated = await simulate({ seed, acts, without, keep_trace: true })
  if (values.trace) say(traceText(simulated.lines))
  if (values.html !== undefined) await writeFile(values.html, timelinePage(simulated))
  const { lines: _, ...told } = simulated
  if (values.json) say(JSON.stringify(told))
  else say(`seed ${seed}: ${simulated.violations.length === 0 ? 'clean' : simulated.violations.join('\n')}; hash ${simulated.hash}`)
  if (values.shrink) {
    const shrunk = await shrink(seed, acts)
    if (shrunk === undefined) say(`seed ${seed} does not fail`)
    else say(`it fails with --seed ${seed} --acts ${shrunk.acts} --without ${shrunk.without.join(',')}\n${shrunk.violations.join('\n')}`)
  }
  if (simulated.violations.length > 0) process.exitCode = 1
}

const progress_every = 100

const runMany = async (): Promise<void> => {
  const seeds = whole('seeds', values.seeds)
  const began_ms = performance.now()
  const sum = await simulateMany({
    from: whole('from', values.from),
    seeds,
    workers: whole('workers', values.workers),
    first: values.first,
    until_ms: values.minutes === undefined ? undefined : began_ms + whole('minutes', values.minutes) * 60_000,
    onOutcome: (outcome, done) => {
      if (values.json) return
      if (outcome.violations.length > 0) say(`seed ${outcome.seed} failed: ${outcome.violations.join('\n')}`)
      if (done % progress_every === 0)
        process.stderr.write(`${done} of ${seeds} seeds, ${((done / (performance.now() - began_ms)) * 1_000).toFixed(1)} a second\n`)
    },
  })
  const failures = sum.failures.map(({ seed, violations }) => ({ seed, violations }))
  say(values.json ? JSON.stringify({ ...sum, failures }) : sumText(sum, performance.now() - began_ms))
  if (failures.length > 0) process.exitCode = 1
}

if (values.help) say(usage)
else if (values.seed === undefined) await runMany()
else await showOne(whole('seed', values.seed))
