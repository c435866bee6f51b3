/** What chance does to a plane, seed by seed: see test/contract/plane-random.test.ts. */
import { newChaos, type Chaos } from './chaos.ts'
import { accept, addAgent, archive, beat, cancel, cancelItsRun, changeAgent, claim, deliver, die, obey, report, retry, sweepOnce } from './chaos-acts.ts'
import { skew_max_ms, unrest } from './invariants.ts'
import { millis } from '../../shared/domain/time.ts'
import type { Passage } from './gates.ts'

/** Some runs are short, so that many are tried, and some long. */
const actsOf = (seed: number): number => 30 + (seed % 60)
const handlers_at_once = 5
const tasks_max = 14
/** Cool-downs, retries and an agent that was activated without a word take a while. */
const rest_minutes = 240

const sandboxIn = (chaos: Chaos, state: 'starting' | 'running') => {
  const all = chaos.sandboxes.filter((sandbox) => sandbox.state === state)
  return all.length === 0 ? undefined : chaos.random.pick(all)
}
const anyTask = (chaos: Chaos) => {
  const tasks = chaos.journal.all('task')
  return tasks.length === 0 ? undefined : chaos.random.pick(tasks)
}

const forTask =
  (act: (chaos: Chaos, task: NonNullable<ReturnType<typeof anyTask>>) => void) =>
  (chaos: Chaos): void => {
    const task = anyTask(chaos)
    if (task !== undefined) act(chaos, task)
  }
const forSandbox =
  (state: 'starting' | 'running', act: (chaos: Chaos, sandbox: NonNullable<ReturnType<typeof sandboxIn>>) => void) =>
  (chaos: Chaos): void => {
    const sandbox = sandboxIn(chaos, state)
    if (sandbox !== undefined) act(chaos, sandbox)
  }

/** What may happen, and how often in relation. */
const acts: readonly (readonly [number, (chaos: Chaos) => void])[] = [
  [14, (chaos) => void (chaos.journal.all('task').length < tasks_max && accept(chaos))],
  [34, (chaos) => void deliver(chaos)],
  [5, (chaos) => void deliver(chaos, 'and keep it')],
  [7, (chaos) => void deliver(chaos, 'never')],
  [14, forSandbox('starting', claim)],
  [3, forSandbox('running', claim)],
  [8, forSandbox('running', beat)],
  [12, forSandbox('running', report)],
  [2, forSandbox('running', die)],
  [1, forSandbox('starting', die)],
  [3, obey],
  [3, forTask((chaos, task) => cancel(chaos, task.id))],
  [2, forTask((chaos, task) => void (task.target_run_id !== undefined && cancelItsRun(chaos, task.target_run_id)))],
  [2, forTask((chaos, task) => archive(chaos, task.id))],
  [2, forTask((chaos, task) => retry(chaos, task.id))],
  [6, sweepOnce],
  [10, (chaos) => void (chaos.now_ms += chaos.random.pick([1_000, 5_000, 20_000, 60_000, 300_000]))],
  [
    3,
    (chaos) =>
      changeAgent(
        chaos,
        chaos.random.pick([{ active: false }, { active: true }, { active: true }, { concurrency: 1 }, { concurrency: 3 }, { active: true, concurrency: 2 }]),
      ),
  ],
  [0.15, (chaos) => changeAgent(chaos, { deleted: true })],
]
const weights = acts.reduce((sum, [weight]) => sum + weight, 0)

const actOnce = (chaos: Chaos): void => {
  let left = chaos.random.next() * weights
  for (const [weight, act] of acts) {
    left -= weight
    if (left < 0) return act(chaos)
  }
}

const passage = (chaos: Chaos): Passage =>
  chaos.faults && chaos.random.chance(0.015) ? chaos.random.pick(['fail', 'fail_after', 'die', 'die_after'] as const) : 'pass'

const openOne = async (chaos: Chaos): Promise<void> => chaos.gates.open(chaos.random.int(chaos.gates.waiting()), passage(chaos))

const openAll = async (chaos: Chaos): Promise<void> => {
  for (let calls = 0; chaos.gates.waiting() > 0; calls += 1) {
    if (calls > 20_000) throw new Error('handlers never end')
    await openOne(chaos)
  }
}

const check = (chaos: Chaos): void => {
  const wrong = [...chaos.violations, ...chaos.gates.bugs]
  if (wrong.length > 0) throw new Error(wrong.slice(0, 3).join('\n'))
}

const unruly = async (chaos: Chaos, acts_max: number): Promise<void> => {
  for (let count = 0; count < acts_max;) {
    if (chaos.gates.waiting() > 0 && (chaos.gates.running() >= handlers_at_once || chaos.random.chance(0.85))) await openOne(chaos)
    else {
      actOnce(chaos)
      count += 1
    }
    check(chaos)
  }
}

/** A sweep that nothing disturbs leaves no task behind whose time had come: each is brought on or given its next time. */
const stillDue = (chaos: Chaos): void => {
  const swept_ms = chaos.now_ms - 2 * skew_max_ms
  for (const { id, due_at, updated_at } of chaos.journal.all('task'))
    if (due_at !== undefined && millis(due_at) < swept_ms && millis(updated_at) < swept_ms)
      chaos.violations.push(`${id} was due ${due_at} and still is, after a sweep`)
}

/** One minute without faults. @param deaf what nobody but the sweep and the runners rings is lost */
const orderlyMinute = async (chaos: Chaos, deaf: boolean): Promise<void> => {
  chaos.now_ms += 60_000
  if (deaf) chaos.doorbells.splice(0)
  sweepOnce(chaos)
  await openAll(chaos)
  stillDue(chaos)
  if (deaf) chaos.doorbells.splice(0, chaos.doorbells.length, ...chaos.doorbells.filter(({ signal }) => signal.kind === 'class'))
  for (let heard = 0; deliver(chaos); heard += 1) {
    if (heard > 1_000) throw new Error('doorbells never end')
    await openAll(chaos)
    if (deaf) chaos.doorbells.splice(0)
  }
  for (const sandbox of chaos.sandboxes) {
    if (sandbox.state === 'starting') claim(chaos, sandbox)
    await openAll(chaos)
    if (sandbox.state !== 'running') continue
    report(chaos, sandbox)
    await openAll(chaos)
    for (let heard = 0; heard < 50 && chaos.doorbells.some(({ signal }) => signal.kind === 'attempt'); heard += 1) {
      deliver(chaos)
      await openAll(chaos)
    }
    report(chaos, sandbox)
    await openAll(chaos)
  }
  obey(chaos)
  check(chaos)
}

const comesToRest = async (chaos: Chaos, deaf: boolean): Promise<void> => {
  chaos.faults = false
  await openAll(chaos)
  for (const agent of chaos.journal.all('agent')) await chaos.journal.store.commit([{ op: 'replace_if_version', record: { ...agent, active: true } }])
  for (let minute = 0; minute < rest_minutes && unrest(chaos.journal, chaos.now_ms).length > 0; minute += 1) await orderlyMinute(chaos, deaf)
  const left = unrest(chaos.journal, chaos.now_ms)
  if (left.length > 0) throw new Error(`no rest: ${left.slice(0, 3).join('; ')}`)
}

/** One run of a seed: unruly, then to rest. Throws, with the number of the seed, at the first thing that is wrong. @param told hears what happened then */
export const runSeed = async (seed: number, told: (trace: readonly string[]) => void = () => undefined): Promise<Chaos> => {
  const chaos = newChaos(seed)
  for (const concurrency of [1, 3]) await addAgent(chaos, concurrency)
  try {
    await unruly(chaos, actsOf(seed))
    await comesToRest(chaos, seed % 3 === 0)
  } catch (cause) {
    told(chaos.gates.trace)
    throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
  return chaos
}
