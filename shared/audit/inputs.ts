/** The inputs of a task with its latest run: each has one end, and those that have none are the run's to take. */
import { pendingInputs } from '../domain/inputs.ts'
import { isTerminalTask } from '../domain/transitions.ts'
import { queue_modes, type Input } from '../domain/input.ts'
import { foundIf, type Finding } from './finding.ts'
import type { Run } from '../domain/run.ts'
import type { Task } from '../domain/task.ts'

const listFindings = (run: Run, inputs: readonly Input[]): readonly Finding[] => {
  const listed = pendingInputs(run)
  const open = inputs.filter((input) => input.settled === undefined)
  const same = listed.length === open.length && listed.every(({ id, seq }, position) => open[position]?.id === id && open[position].seq === seq)
  const last_seq = run.inputs?.last_seq ?? 0
  const numbered = inputs.length === last_seq && inputs.every(({ seq }, position) => seq === position + 1)
  return [
    ...foundIf(
      !same,
      'inputs_unlisted',
      run,
      () => `${run.id} lists ${listed.map(({ seq }) => seq).join(', ') || 'none'}, pending are ${open.map(({ seq }) => seq).join(', ') || 'none'}`,
    ),
    ...foundIf(!numbered, 'inputs_gap', run, () => `${run.id} is at input ${last_seq}, and there are ${inputs.map(({ seq }) => seq).join(', ') || 'none'}`),
  ]
}

/** Runs of a task come one after the other, and their ids sort by time. */
const turnsOf = (inputs: readonly Input[]) =>
  inputs.flatMap((input) => (input.settled?.disposition.kind === 'consumed' ? [{ input, at: input.settled.disposition }] : []))

const orderFindings = (inputs: readonly Input[]): readonly Finding[] =>
  queue_modes.flatMap((mode) => {
    const consumed = turnsOf(inputs.filter(({ queue_mode }) => queue_mode === mode))
    return consumed.flatMap(({ input, at }, position) => {
      const before = consumed[position - 1]?.at
      const late = before !== undefined && (before.run_id === at.run_id ? before.turn > at.turn : before.run_id > at.run_id)
      return foundIf(late, 'inputs_out_of_order', input, () => `${input.id} was consumed before one of its mode that was accepted earlier`)
    })
  })

/** @param run the task's latest @param inputs all of the task, in order of `seq` */
export const inputFindings = (task: Task, run: Run | undefined, inputs: readonly Input[]): readonly Finding[] => [
  ...(run === undefined ? [] : listFindings(run, inputs)),
  ...inputs.flatMap((input) =>
    foundIf(isTerminalTask(task) && input.settled === undefined, 'input_forgotten', input, () => `${input.id} is pending, and ${task.id} is ${task.state}`),
  ),
  ...orderFindings(inputs),
]
